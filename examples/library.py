"""The library in ten lines: one DIP→DDPM run, its scores, and what there is to see.

python examples/library.py     # some seconds; writes overview.png
"""

from dipddpm import Run, RunConfig
from dipddpm.images import overview

config = RunConfig(dataset="digits", prior="restorer", std=0.2, ddpm_lr=2e-3, epochs=6)
run = Run(config)
for record in run.records():
    fid, floor = record.scores["fid"], record.fid_floor
    print(f"epoch {record.epoch}: FID {fid:.1f} (real images: {floor:.1f})")
print(f"{record.time_total_s:.0f} s, of which DIP took {record.dip_time_s:.0f} s")
overview(run.pictures()).save("overview.png")
