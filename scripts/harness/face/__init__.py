# SPDX-License-Identifier: BSD-3-Clause
"""What `import bellwire` offers beside the classes of the other packages."""
