"""What tells runs apart: the values that vary among their configs, by the shortest keys that can't be mistaken."""

import json

from avb_tf1.config.loading import fingerprint


def labels_of(configs):
    """Return what to call each of some settings, by what varies among them and only that; see varying.

    Args:
        configs: sequence of Config.

    Returns:
        list of str, e.g. "paper_vae, batch_size=64"; equal for configs that differ at most in the seed and in what changes no
        result.
    """
    return [", ".join(([] if name is None else [name]) + ["%s=%s" % (key, value_text(value)) for key, value in values.items()])
            for name, values in varying(configs)]


def varying(configs):
    """Return for each config what tells it from the others, but for the seed and what changes no result.

    Configs of different names are told apart by these, so that only what varies among those of one name is said. A key that
    only some kinds of a section have is said only if its value varies among these.

    Args:
        configs: sequence of Config.

    Returns:
        list of (name, values): the config's name, or None if it is everyone's and something else varies; a dict of the keys
        that vary -> its values, in the config's order. Of a key the last words are said, as few as no other key ends with.
    """
    trees = [dict(fingerprint(config), seed=None) for config in configs]
    of_name = {}
    for config, tree in zip(configs, trees):
        of_name.setdefault(config.name, []).append(tree)
    paths_of_name = {name: list(_varying(own)) for name, own in of_name.items()}
    says_name = len(of_name) > 1 or not any(paths_of_name.values())
    known = {path for config in configs for path in _paths(config.tree())}
    key_of_path = {path: _short(path, known) for paths in paths_of_name.values() for path in paths}
    return [(config.name if says_name else None,
             {key_of_path[path]: value for path in paths_of_name[config.name] for value in _values_at(tree, path)})
            for config, tree in zip(configs, trees)]


def value_text(value):
    """Return a config's value as text, in YAML's words."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (key, value_text(own)) for key, own in value.items())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _varying(nodes, path=()):
    """Paths at which those of the nodes (values, or dicts of nodes) that have them differ."""
    if all(isinstance(node, dict) for node in nodes):
        for word in dict.fromkeys(word for node in nodes for word in node):
            yield from _varying([node[word] for node in nodes if word in node], path + (word,))
    elif any(node != nodes[0] for node in nodes):
        yield path


def _paths(tree, path=()):
    """Paths of all keys, those of sections too."""
    for word, value in tree.items():
        yield path + (word,)
        if isinstance(value, dict):
            yield from _paths(value, path + (word,))


def _short(path, known):
    """The last words of a path, with dots between them: as few as no other known path ends with."""
    n = next(n for n in range(1, len(path) + 1) if all(other == path or other[-n:] != path[-n:] for other in known))
    return ".".join(path[-n:])


def _values_at(node, path):
    """The value at a path as the only one of a list; an empty list if there is none."""
    for word in path:
        if not isinstance(node, dict) or word not in node:
            return []
        node = node[word]
    return [node]
