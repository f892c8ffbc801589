"""The meaning of the detector's outputs, apart from the network, so that labels are made and tested without torch."""

STRIDES = (8, 16, 32)  # pixels of the input between cells of each grid
LABELS = ("car", "truck", "bus", "motorcycle", "bicycle", "van")  # in the order of the class scores
COCO_ROWS = (2, 7, 5, 3, 1)  # the first five of LABELS among the 80 classes of COCO, which knows no vans
