import sys

if sys.argv[:1] == ["-m"]:  # so while `python -m` looks for the module: Ctrl-C may come while torch is being imported
    from esi.command import listen

    listen(next((name for name in sys.orig_argv if name.startswith(("esi.", "stages."))), "esi").rpartition(".")[2])
