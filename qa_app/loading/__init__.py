"""Turns corpus files into Documents: ``scan`` finds the files, ``load_many`` reads them."""

from qa_app.loading.registry import LOADER_VERSION, SourceFile, load
from qa_app.loading.scan import Scan, scan
from qa_app.loading.worker import load_many

__all__ = ["LOADER_VERSION", "Scan", "SourceFile", "load", "load_many", "scan"]
