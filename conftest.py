# SPDX-License-Identifier: BSD-3-Clause
"""In the clone, pytest has the plugin without an installation; pyproject.toml says where it is."""

pytest_plugins = ["bellwire.plugin"]
