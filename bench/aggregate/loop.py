# The usual loop: a dict of totals, sorted at the end.
import csv, sys

totals = {}
with open(sys.argv[1], newline="", encoding="utf-8") as source:
    for row in csv.DictReader(source):
        key = (row["Song"], row["Date"])
        totals[key] = totals.get(key, 0) + int(row["Number of Plays"])
with open(sys.argv[2], "w", newline="", encoding="utf-8") as target:
    out = csv.writer(target, lineterminator="\n")
    out.writerow(["Song", "Date", "Total Number of Plays for Date"])
    for key in sorted(totals):
        out.writerow([*key, totals[key]])
