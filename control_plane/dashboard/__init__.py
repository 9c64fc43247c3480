"""The control plane's page for operators."""
