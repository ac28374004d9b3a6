"""What NEURON's Import3d makes of the morphologies beside this file, as JSON: python3 judge.py FILE... > neuron.json

One segment and two more for every 40 um of a section, Ra 100 Ohm cm. Of each segment: area (um2), resistance to
the node before it (MOhm), mean diameter (um), path distance of its middle from the beginning of the soma (um).
"""
import json
import os
import sys

from neuron import h

h.load_file("stdlib.hoc")
h.load_file("import3d.hoc")


class Cell:
    pass


def sections(path):
    reader = h.Import3d_SWC_read() if path.lower().endswith(".swc") else h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(path)
    cell = Cell()
    h.Import3d_GUI(reader, 0).instantiate(cell)
    every = list(cell.all)
    for s in every:
        s.Ra = 100
        s.nseg = 1 + 2 * int(s.L / 40)
    soma = cell.soma[0]
    names = {s: s.name().split(".")[-1] for s in every}
    out = []
    for s in every:
        parent = s.parentseg()
        out.append({
            "name": names[s],
            "parent": names[parent.sec] if parent is not None else "",
            "x": parent.x if parent is not None else -1,
            "length": s.L,
            "area": [g.area() for g in s],
            "ri": [g.ri() for g in s],
            "diam": [g.diam for g in s],
            "path": [h.distance(soma(0), g) for g in s],
        })
    return out


if __name__ == "__main__":
    stdout = os.dup(1)
    os.dup2(2, 1)  # Import3d talks on the way
    result = {"source": "NEURON " + h.nrnversion(5) + ", Import3d, by judge.py", "files": {}}
    for path in sys.argv[1:]:
        result["files"][os.path.basename(path)] = sections(path)
    with os.fdopen(stdout, "w") as f:
        text = json.dumps(result)
        f.write(text.replace('{"name"', '\n{"name"') + "\n")
