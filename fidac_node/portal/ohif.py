"""OHIF, a full viewer, as an extra that a hub serves under ``/ohif``: fetched once from npm, and set to that address.

The package is made for the root of a server of its own, with a worker that keeps pages for later and scripts in the
page. Here it stands under an address, keeps nothing, and all that runs is a file, as the policy of that address wants
it (``fidac_node.hub.web.headers``). What it has for slides and for segmentation by a model is left out.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError
from fidac_node.portal import npm

LOCK: Final = Path(__file__).with_name("ohif.json")
PREFIX: Final = "/ohif/"

_DIST: Final = "package/dist/"
_LICENCE: Final = "package/LICENSE"
# ONNX and its models (a hundred megabytes), microscopy, what finds errors in it, what keeps it in a browser.
_LEFT_OUT: Final = re.compile(
    r"(ort|dicom-microscopy-viewer|customizations)/|assets/(apple-touch-startup|yandex)|.*\.map$|_headers$|_redirects$|"
    r"app-config\.js$|init-service-worker\.js$|sw\.js$|manifest\.json$|oidc-callback|silent-refresh"
)
_ROOT: Final = '__webpack_require__.p = "/"'
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Where the viewer asks: the hub's own DICOMweb, as whoever is signed in. It calls nobody else.
_SETTINGS: Final = """window.config = {
  routerBasename: '/ohif',
  showStudyList: true,
  extensions: [],
  modes: [],
  customizationService: [{ 'ohif.tours': { $set: [] } }],
  showWarningMessageForCrossOrigin: true,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  maxNumberOfWebWorkers: 2,
  maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 6 },
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'hub',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'hub',
    configuration: {
      friendlyName: 'FIDAC hub',
      name: 'hub',
      qidoRoot: '/dicom-web',
      wadoRoot: '/dicom-web',
      wadoUriRoot: '/dicom-web',
      qidoSupportsIncludeField: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true,
      omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: false },
    },
  }],
};
"""


def install(directory: Path, cache: Path) -> tuple[str, int]:
    """Put the viewer into ``directory``, in place of what is there; return its version, and how many files it has.

    Raises :class:`ConfigError` for a package that cannot be had, or is not what the lock file says; ``OSError``.
    """
    (package,) = npm.locked(LOCK)
    fresh = directory.with_name(f".{directory.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    written = 0
    with tarfile.open(fileobj=io.BytesIO(npm.fetch(package, cache)), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix(_DIST)
            if member.name == _LICENCE:
                name = "LICENSE"
            elif name == member.name or _LEFT_OUT.match(name):
                continue
            source = archive.extractfile(member) if member.isfile() else None
            if source is None:
                continue
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*", name):
                raise ConfigError(f"{package.name} {package.version}: {name!r} is no name of a file of it")
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_moved(name, source.read()))
            written += 1
    written += _set(fresh)
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)
    return package.version, written


def is_installed(directory: Path) -> bool:
    """Say whether the viewer is there."""
    return (directory / "index.html").is_file()


def _moved(name: str, content: bytes) -> bytes:
    """A file as it is under another address: its scripts and styles look for the rest there."""
    if name.endswith(".css"):
        return re.sub(rb"url\(/(?!/)", f"url({PREFIX}".encode(), content)
    if not name.endswith(".js"):
        return content
    return content.replace(_ROOT.encode(), f'__webpack_require__.p = "{PREFIX}"'.encode())


def _set(directory: Path) -> int:
    """Write the page for its address, the scripts that were in it, and the settings; return how many files are new."""
    page = directory / "index.html"
    if not page.is_file():
        raise ConfigError("the package has no index.html: this is not OHIF as it was")
    html, number = page.read_text("utf-8"), 0

    def taken_out(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        script = found[1].replace('PUBLIC_URL="/"', f'PUBLIC_URL="{PREFIX}"')
        (directory / f"inline-{number}.js").write_text(script, "utf-8")
        return f'<script src="/inline-{number}.js"></script>'

    html = re.sub(r"<script[^>]*init-service-worker[^>]*></script>", "", html)
    html = re.sub(r'<link rel="(manifest|apple-touch-startup-image|yandex-tableau-widget)"[^>]*>', "", html)
    html = _INLINE.sub(taken_out, html).replace('rel="preload" as="script" ', "")
    html = re.sub(r'(src|href|content)="/(?!/)', rf'\1="{PREFIX}', html)
    page.write_text(html, "utf-8")
    (directory / "app-config.js").write_text(_SETTINGS, "utf-8")
    return number + 1
