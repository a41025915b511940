"""The main job on one machine: a hub, a site node and a PACS stand-in."""
