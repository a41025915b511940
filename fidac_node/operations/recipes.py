"""The recipes that a hub knows: add, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fidac_node.hub.recipes import FOLDER, Recipes, read_recipe
from fidac_node.operations.uses import hub_uses

if TYPE_CHECKING:
    from fidac_node.config.config import HubConfig
    from fidac_node.deidentify.plan import Plan


def add_recipe(config: HubConfig, file: Path) -> tuple[Plan, bool]:
    """Let the hub know the recipe in a file; return it, and whether it is new. Raises :class:`ConfigError`."""
    plan = read_recipe(file)
    recipes = Recipes(config.spool.directory / FOLDER)
    if recipes.plan(plan.digest) is not None:
        return plan, False
    hub_uses(config).write("recipe add", f"{plan.profile} {plan.digest}")
    return plan, recipes.add(plan)


def known_recipes(config: HubConfig) -> list[Plan]:
    """The recipes that were met or added."""
    return list(Recipes(config.spool.directory / FOLDER))
