"""Made scores of two methods, as `metrics.csv` of classification holds them."""

from bigearthnet.evaluation.tables import MetricRow

LONG = "Land principally occupied by agriculture, with significant areas of natural vegetation"
ROWS = [
    MetricRow("test", "one", "all", "f1_micro", 0.75),
    MetricRow("test", "two", "all", "f1_micro", 0.5),
    *(
        MetricRow("test", method, name, metric, value)
        for method in ("one", "two")
        for name, values in (("Pastures", (0.25, 3)), (LONG, (1.0, 7)), ("Inland waters", (0.0, 0)))
        for metric, value in zip(("f1", "support"), values, strict=True)
    ),
]
