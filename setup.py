import os
import re

from setuptools import find_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "avb_tf1", "__init__.py"), encoding="utf-8") as file:  # importing it takes what it depends on
    VERSION, = re.findall(r'^__version__ = "(.+)"$', file.read(), re.MULTILINE)

setup(
    name="avb_tf1",
    version=VERSION,
    description="Adversarial Variational Bayes on the 2x2 synthetic data, in TensorFlow 1.15 graph mode",
    packages=find_packages(include=["avb_tf1", "avb_tf1.*"]),
    package_data={"avb_tf1.page": ["*.j2", "*.js", "*.css"], "avb_tf1.tasks": ["*/*.j2", "*/*.js"]},
    python_requires=">=3.7,<3.8",
    # Ranges for use as a library; requirements.txt and requirements.lock pin what was tested.
    install_requires=[
        "tensorflow>=1.15,<1.16",
        "tensorflow-probability>=0.8,<0.9",
        "numpy>=1.16,<1.20",
        "scipy>=1.4,<1.8",
        "threadpoolctl>=3.1,<4",
        "scikit-learn>=1.0,<1.1",
        "matplotlib>=3.4,<3.6",
        "tqdm>=4.40",
        "PyYAML>=5.4",
        "pydantic>=1.10,<2",
        "jinja2>=3.0,<4",
        "plotly>=5.18,<6",
        "typing-extensions>=3.7.4",
        "protobuf<3.21",
    ],
    extras_require={"sweep": ["ray>=2.7,<2.8"]},
)
