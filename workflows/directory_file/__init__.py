"""The directory as one readable file, YAML or XLSX: checked whole, imported without doing anything twice, exported."""

from workflows.directory_file.checking import check
from workflows.directory_file.exporting import export_file
from workflows.directory_file.importing import Imported, import_file
from workflows.directory_file.ranges import building_list
from workflows.directory_file.register import DirectoryFileError, Problem
from workflows.directory_file.vocabulary import CATEGORIES

__all__ = [
    "CATEGORIES",
    "DirectoryFileError",
    "Imported",
    "Problem",
    "building_list",
    "check",
    "export_file",
    "import_file",
]
