"""What operators tell all control planes in whole documents: coverage zones, policies."""

from control_plane.documents.folder import Folder
from control_plane.documents.opening import open_documents
from control_plane.documents.port import Document, DocumentStore

__all__ = ["Document", "DocumentStore", "Folder", "open_documents"]
