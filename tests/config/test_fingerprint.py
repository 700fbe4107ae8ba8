import pytest
from helpers import SYNTHETIC

from avb_tf1.config.fingerprint import OtherConfig, fingerprint, require_same
from avb_tf1.config.loading import load_config


def test_where_a_value_is_left_out_its_default_is_told():
    default, other = (fingerprint(load_config(SYNTHETIC, overrides)) for overrides in ([], ["evaluation.n_samples=1024"]))
    with pytest.raises(OtherConfig, match="evaluation.n_samples is 1024 there and 524288 here"):
        require_same(other, default, "PATH")
    with pytest.raises(OtherConfig, match="training.decoder_learning_rate is null there and 0.01 here"):
        require_same(default, fingerprint(load_config(SYNTHETIC, ["training.decoder_learning_rate=0.01"])), "PATH")
