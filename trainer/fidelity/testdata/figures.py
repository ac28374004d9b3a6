#!/usr/bin/env python3
"""Writes figures.json: scores, labels and what they score, for the tests of package fidelity.

Independent of the Go code: AUC from all pairs in exact fractions (Hanley & McNeil 1982), average precision
as scikit-learn defines it, sum_n (R_n - R_(n-1)) P_n over distinct thresholds
(sklearn.metrics.average_precision_score), TPR at FPR from the full ROC without interpolation. Python 3
standard library only: python3 figures.py > figures.json
"""
import json
import random
from fractions import Fraction


def auc(scores, labels):
    pos = [s for s, y in zip(scores, labels) if y]
    neg = [s for s, y in zip(scores, labels) if not y]
    twice = sum(2 * (p > n) + (p == n) for p in pos for n in neg)
    return Fraction(twice, 2 * len(pos) * len(neg))


def average_precision(scores, labels):
    total, last, out = sum(labels), 0, Fraction(0)
    for t in sorted(set(scores), reverse=True):
        hits = sum(y for s, y in zip(scores, labels) if s >= t)
        called = sum(s >= t for s in scores)
        out += Fraction(hits - last, total) * Fraction(hits, called)
        last = hits
    return out


def tpr(scores, labels, fpr):
    pos, neg = sum(labels), len(labels) - sum(labels)
    best = Fraction(0)
    for t in set(scores):
        hits = sum(y for s, y in zip(scores, labels) if s >= t)
        alarms = sum(not y for s, y in zip(scores, labels) if s >= t)
        if Fraction(alarms, neg) <= fpr:
            best = max(best, Fraction(hits, pos))
    return best


def case(name, scores, labels):
    return {"name": name, "scores": scores, "labels": labels,
            "auc": float(auc(scores, labels)), "average_precision": float(average_precision(scores, labels)),
            "tpr_at_0.0025": float(tpr(scores, labels, Fraction(25, 10000))),
            "tpr_at_0.01": float(tpr(scores, labels, Fraction(1, 100)))}


def main():
    r = random.Random(1)
    cases = [
        # the example in scikit-learn's documentation: AUC 0.75, average precision 0.8333
        case("documentation", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]),
        case("perfect", [-2.0, -1.0, 0.5, 3.0], [0, 0, 1, 1]),
        case("inverted", [3.0, 2.0, -1.0, -5.0], [0, 0, 1, 1]),
        case("all tied", [0.25] * 10, [0, 1, 0, 0, 0, 1, 0, 0, 0, 0]),
    ]
    for name, n, rate, levels, gain in [("fine", 400, 0.05, 0, 2.0), ("coarse", 400, 0.2, 7, 1.0), ("binary", 300, 0.1, 2, 1.5)]:
        y = [int(r.random() < rate) for _ in range(n)]
        s = [r.gauss(gain * k, 1) for k in y]
        s = [round(x * levels / 4) / levels * 4 if levels else round(x, 4) for x in s]
        # values that a float32 holds exactly, so that no tie is made or broken on the way
        s = [round(x * 4096) / 4096 for x in s]
        cases.append(case(name, s, y))
    print(json.dumps({"made_by": "figures.py", "cases": cases}))


main()
