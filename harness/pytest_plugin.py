"""The pytest plug-in: scenario files and captures as test items."""
