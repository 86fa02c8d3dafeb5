"""Tables of what the measurements printed.  SPDX-License-Identifier: Apache-2.0"""
import json


def read(paths):
    rows = []
    for path in paths:
        with open(path) as lines:
            for line in lines:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue  # a line cut off by a time-out, or another program's words
    return [row for row in rows if isinstance(row, dict) and "step" in row]


def number(value, digits=3):
    return f"{value:.{digits}g}" if isinstance(value, (int, float)) else str(value)


def milliseconds(seconds):
    return f"{1e3 * seconds:.3f}" if seconds < 1 else f"{1e3 * seconds:.0f}"


def table(title, head, rows):
    if not rows:
        return
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


class Ceilings:
    """The best that was seen, of whoever measured it."""

    def __init__(self, rows):
        found = [row for row in rows if row["step"] == "ceiling"]
        ours = [row for row in rows if row.get("part") == "ceiling" and "seconds" in row]
        self.gigabytes = max([row["gigabytes_per_second"] for row in found if row["what"] == "copy"], default=0)
        self.teraflops = max([row["teraflops"] for row in found if row["what"] == "product"] +
                             [row["gflop"] / row["seconds"] / 1e3 for row in ours], default=0)

    def share(self, gflop, megabytes, seconds):
        """Of what limits it: the larger of the two times that it must take, over the time that it takes."""
        least = max(gflop / self.teraflops / 1e3 if self.teraflops else 0, megabytes / self.gigabytes / 1e3 if self.gigabytes else 0)
        return f"{least / seconds:.0%}" if least and seconds else ""


def wrong(rows):
    """Whatever should not be there, a line each."""
    lines = []
    for row in rows:
        if row["step"] == "failure":
            lines.append(f"during {row['during']}: {row['why']}")
        elif row["step"] == "ended" and row["status"]:
            lines.append(f"step {row['name']} ended with {row['status']} after {row['seconds']} s")
        elif "why" in row:
            lines.append(f"{row.get('op')} {row.get('shape')}: {row['why']}")
        elif "wrong" in row:
            lines.append(f"{row['wrong']} in {row['type']}: error {number(row['error'])}, bound {number(row['bound'])}, "
                         f"{'the same' if row['same_twice'] else 'not the same'} twice")
        elif row.get("right") is False or row.get("same") is False:
            lines.append(json.dumps(row))
    return lines


def write_checks(rows):
    checks = [row for row in rows if row["step"] == "check" and "family" in row]
    table("Small shapes against the plain loops", ["family", "type", "cases", "failed", "skipped", "worst error"],
          [[row["family"], row["type"], row["cases"], row["failed"], row["skipped"], number(row["worst"])] for row in checks])


def write_timings(rows, ceilings):
    """bench: sums for each network and op, then what takes longest."""
    timed = [row for row in rows if row["step"] == "time" and "seconds" in row and row["part"] != "ceiling"]
    sums = {}
    for row in timed:
        entry = sums.setdefault((row["part"], row["op"], row["type"]), [0, 0, 0])
        for at, name in enumerate(("seconds", "gflop", "megabytes")):
            entry[at] += row["count"] * row[name]
    lines = [[*key, milliseconds(seconds), number(gflop / seconds / 1e3), f"{megabytes / seconds / 1e3:.0f}",
              ceilings.share(gflop, megabytes, seconds)] for key, (seconds, gflop, megabytes) in sums.items()]
    table("Our ops by themselves, one evaluation", ["network", "op", "type", "ms", "TFLOP/s", "GB/s", "share of the limit"], lines)
    slowest = sorted(timed, key=lambda row: -row["count"] * row["seconds"])[:15]
    table("What takes longest", ["network", "op", "shape", "times", "us each", "ms in all", "TFLOP/s", "share"],
          [[row["part"], row["op"], row["shape"], row["count"], f"{1e6 * row['seconds']:.1f}", milliseconds(row["count"] * row["seconds"]),
            number(row["gflop"] / row["seconds"] / 1e3), ceilings.share(row["gflop"], row["megabytes"], row["seconds"])]
           for row in slowest])


def write_ops(rows):
    """Ops beside PyTorch's."""
    ops = [row for row in rows if row["step"] == "op"]
    sums = {}
    for row in ops:
        for part, count in row["counts"].items():
            entry = sums.setdefault((part, row["op"], row["type"]), [0, 0])
            entry[0] += count * row["seconds"]
            entry[1] += count * row["torch_seconds"]
    table("Ops beside PyTorch's, one evaluation", ["network", "op", "type", "ours, ms", "PyTorch, ms", "PyTorch / ours"],
          [[*key, milliseconds(ours), milliseconds(theirs), f"{theirs / ours:.2f}"] for key, (ours, theirs) in sums.items()])
    losses = [row for row in ops if row["ratio"] < 1]
    losses.sort(key=lambda row: (row["torch_seconds"] - row["seconds"]) * sum(row["counts"].values()))
    table("Where PyTorch is faster", ["op", "shape", "times", "ours, us", "PyTorch, us", "PyTorch / ours"],
          [[row["op"], row["shape"], sum(row["counts"].values()), f"{1e6 * row['seconds']:.1f}", f"{1e6 * row['torch_seconds']:.1f}",
            f"{row['ratio']:.2f}"] for row in losses[:15]])


def write_networks(rows):
    table("Errors of whole networks", ["network", "sizes", "type", "ours", "PyTorch's", "the same twice", "right"],
          [[row["network"], row["sizes"], row["type"], number(row["ours"]), number(row["theirs"]), row["same_twice"], row["right"]]
           for row in rows if row["step"] == "network"])
    lines = []
    for row in rows:
        if row["step"] == "time-network":
            for who in ("eager", "eager_graph", "compiled"):
                if who in row:
                    lines.append([row["network"], row["type"], milliseconds(row["ours"]["seconds"]), f"{1 / row['ours']['seconds']:.1f}",
                                  who.replace("_", ", "), milliseconds(row[who]["seconds"]), f"**{row[who]['ratio']:.2f}**",
                                  number(row.get("compile_seconds", ""))])
    head = ["network", "type", "ours, ms", "a second", "PyTorch", "ms", "PyTorch / ours", "compiled in, s"]
    table("Whole networks in turns", head, lines)


def write_program(rows):
    table("The program: errors", ["what", "type", "ours", "PyTorch's", "right"],
          [[row["what"], row["type"], number(row["ours"]), number(row["theirs"]), row["right"]] for row in rows
           if row["step"] == "program" and "ours" in row])
    table("The program: seconds", ["what", "type", "ours, ms", "PyTorch eager, ms", "PyTorch / ours"],
          [[row["what"], row["type"], milliseconds(row["seconds"]), milliseconds(row["torch_seconds"]) if "torch_seconds" in row else "",
            f"{row['ratio']:.2f}" if "ratio" in row else ""] for row in rows if row["step"] == "time-program"])


def write_summary(paths):
    """-> whether nothing was wrong"""
    rows = read(paths)
    ceilings = Ceilings(rows)
    for row in rows:
        if row["step"] in ("machine", "info", "build"):
            print(", ".join(f"{name} {value}" for name, value in row.items() if name != "step" and value not in ("", None)))
    print(f"at best: copy {ceilings.gigabytes:.0f} GB/s, product {ceilings.teraflops:.0f} TFLOP/s")
    write_checks(rows)
    write_timings(rows, ceilings)
    write_ops(rows)
    write_networks(rows)
    write_program(rows)
    troubles = wrong(rows)
    print(f"\n{len(troubles)} wrong" + "".join(f"\n* {line}" for line in troubles[:40]) if troubles else "\nnothing wrong")
    return not troubles
