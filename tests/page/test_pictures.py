"""Images side by side."""

import numpy as np
from pages import picture_of

from avb_tf1.page import pictures


def test_a_mosaic_and_its_tiles():
    tiles = np.arange(5 * 6, dtype=np.uint8).reshape(5, 2, 3)
    sheet = pictures.mosaic(tiles, 2)
    assert sheet.shape == (6, 6) and (sheet[4:, 3:] == 0).all()
    np.testing.assert_array_equal(sheet[2:4, 3:], tiles[3])
    apart = pictures.mosaic(tiles, 2, gap=1)
    assert apart.shape == (8, 7) and (apart[:, 3] == 85).all() and (apart[[2, 5]] == 85).all() and (apart[6:, 4:] == 0).all()
    np.testing.assert_array_equal(apart[3:5, 4:], tiles[3])
    assert pictures.tiles(np.zeros((2, 100 * 130)), (100, 130)).shape == (2, 50, 44)
    assert pictures.tiles(np.zeros((2, 9000)), (1, 9000)).shape == (2, 1, 3000)
    assert pictures.n_across(100, (8, 8)) == 10 and pictures.n_across(100, (1, 800)) == 1
    ramp = np.arange(256, dtype=np.uint8).reshape(4, 64)
    assert np.abs(picture_of(pictures.png(ramp)) - ramp).max() <= 9
    np.testing.assert_array_equal(picture_of(pictures.png(ramp, n_shades=2)), 255 * (ramp > 127))
