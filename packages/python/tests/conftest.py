"""The package's own fixtures, also where it is not installed."""

from importlib.metadata import distributions

names = {distribution.metadata["Name"] for distribution in distributions()}
pytest_plugins = ["pytester"] if "upcall" in names else ["pytester", "upcall.testing.plugin"]
