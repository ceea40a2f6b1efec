"""Reads an archive of Python modules, and writes it with their code beside them, for the Python that runs this.

Python takes that code as it is, without a look at the module: half of the time that importing the agent takes an
emulated processor goes to compiling.
python3 compile.py <ARCHIVE >COMPILED
"""

import io
import py_compile
import sys
import tempfile
import zipfile
from pathlib import Path

with (
    zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())) as given,
    zipfile.ZipFile(sys.stdout.buffer, "w") as made,
    tempfile.TemporaryDirectory() as folder,
):
    source, code = Path(folder, "module.py"), Path(folder, "module.pyc")
    for entry in given.infolist():
        content = given.read(entry)
        source.write_bytes(content)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(code), entry.filename, doraise=True, invalidation_mode=mode)
        made.writestr(entry, content, zipfile.ZIP_DEFLATED)
        made.writestr(zipfile.ZipInfo(f"{entry.filename}c", entry.date_time), code.read_bytes(), zipfile.ZIP_DEFLATED)
