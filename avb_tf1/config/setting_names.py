"""What to call the settings of runs: by what varies among their configs, with the shortest keys that can't be mistaken."""

import json

from avb_tf1.config.fingerprint import fingerprint
from avb_tf1.config.yaml_input import nodes


def setting_names(configs):
    """Return a name for each of a sequence of configs, a list of str, by what varies among them, and only that.

    E.g. "paper_vae, batch_size=64"; the same for configs that differ at most in the seed and in what changes no result.
    """
    return [", ".join(([] if name is None else [name]) + ["%s=%s" % (key, value_text(value)) for key, value in values.items()])
            for name, values in varying(configs)]


def varying(configs):
    """Return for each of a sequence of configs what tells it from the others, but for the seed and what changes no result.

    Configs of different names are told apart by these, so that only what varies among those of one name is said. A key that
    only some kinds of a section have is said only if its value varies among these.

    It is a list of (name, values): the config's name, or None if it is everyone's and something else varies; a dict of the keys
    that vary -> its values, in the config's order. Of a key the last words are said, as few as no other key ends with.
    """
    trees = [dict(fingerprint(config, with_defaults=True), seed=None) for config in configs]
    trees_of_name = {}
    for config, tree in zip(configs, trees):
        trees_of_name.setdefault(config.name, []).append(tree)
    paths_of_name = {name: list(_varying(trees_of_it)) for name, trees_of_it in trees_of_name.items()}
    says_name = len(trees_of_name) > 1 or not any(paths_of_name.values())
    all_paths = {path for config in configs for path, _ in nodes(config.tree())}.union(*paths_of_name.values())
    key_of_path = {path: _short(path, all_paths) for paths in paths_of_name.values() for path in paths}
    return [(config.name if says_name else None,
             {key_of_path[path]: values[path] for path in paths_of_name[config.name] if path in values})
            for config, values in zip(configs, [dict(nodes(tree)) for tree in trees])]


def value_text(value):
    """Return a config's value as text, in YAML's words."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (key, value_text(item)) for key, item in value.items())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _varying(trees, path=()):
    """Paths at which those of the trees (values, or dicts of trees) that have them differ."""
    if all(isinstance(tree, dict) for tree in trees):
        for word in dict.fromkeys(word for tree in trees for word in tree):
            yield from _varying([tree[word] for tree in trees if word in tree], path + (word,))
    elif any(tree != trees[0] for tree in trees):
        yield path


def _short(path, all_paths):
    """The last words of a path, with dots between them: as few as no other path ends with."""
    n = next(n for n in range(1, len(path) + 1) if all(other == path or other[-n:] != path[-n:] for other in all_paths))
    return ".".join(path[-n:])
