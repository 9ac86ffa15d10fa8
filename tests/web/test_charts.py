from app.web.charts import HEIGHT, WIDTH, chart_bars, chart_paths, chart_top, spark_points


def test_an_axis_ends_at_a_round_number_above_all_values():
    assert [chart_top([[value]]) for value in (0, 1, 3, 7, 11, 99, 0.19, 4_100_000)] == [
        *(1, 1, 3, 8, 20, 100, 0.2, 5_000_000)
    ]
    assert chart_top([]) == chart_top([[None]]) == 1
    assert chart_top([[1, 2], [None, 9]]) == 10


def test_a_line_has_a_part_for_each_run_without_a_gap():
    assert chart_paths([0, 5, None, 10], 10) == ["0.0,160.0 200.0,80.0", "600.0,0.0 600.0,0.0"]
    assert chart_paths([], 1) == []
    assert chart_paths([1], 1) == [f"{WIDTH / 2},0.0 {WIDTH / 2},0.0"]


def test_bars_fill_the_width_and_what_is_not_zero_is_seen():
    bars = chart_bars([0, 1, 1000, None], 1000)
    assert [bar.height for bar in bars] == [0, 1, HEIGHT, 0]
    assert bars[-1].x + bars[-1].width < WIDTH
    assert all(bar.y + bar.height == HEIGHT for bar in bars)


def test_a_spark_fits_its_line():
    assert spark_points([1, 2]) == ["0.0,12.0 96.0,0.0"]
