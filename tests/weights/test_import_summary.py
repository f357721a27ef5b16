from nnunetv2_cipa.weights.import_summary import ImportSummary


def test_modules_are_counted_and_reasons_said_once():
    summary = ImportSummary(
        taken=["encoder.stages.0.0.norm.weight", "encoder.stages.1.0.norm.weight", "decoder.norm.bias", "crm.0.w"],
        adapted={"encoder.patch_embedding.projection.weight": "summed over RGB"},
        new={
            "decoder.seg_layers.0.weight": "other labels",
            "crm.0.embedding.weight": "other size",
            "crm.0.embedding.bias": "other size",
            "crm.1.embedding.weight": "other size",
        },
        unused=["classifier.head.weight", "classifier.head.bias", "total_ops"],
    )
    assert str(summary).splitlines() == [
        "taken: 4",
        "    encoder.stages (2)",
        "    decoder.norm",
        "    crm.0",
        "adapted: 1",
        "    encoder.patch_embedding: summed over RGB",
        "new: 4",
        "    decoder.seg_layers: other labels",
        "    crm.0 (2), crm.1: other size",
        "unused: 3",
        "    classifier.head (2)",
        "    total_ops",
    ]


def test_empty_lists_are_said_to_be_empty():
    assert str(ImportSummary([], {}, {}, [])) == "taken: 0\nadapted: 0\nnew: 0\nunused: 0"
