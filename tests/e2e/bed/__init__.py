# SPDX-License-Identifier: GPL-2.0-or-later
"""Real servers, loads and ledgers for the end-to-end tests, the demo and the bench. Standard
library only.
"""
