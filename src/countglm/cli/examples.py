"""Examples in the help of the commands: what one does, and the words of the shell that do it."""

from __future__ import annotations

Examples = tuple[tuple[str, str], ...]

PROGRAM: Examples = (
    ("See it work on a study that comes with it", "countglm demo"),
    (
        "Compare treated with control samples, and open results/report.html",
        "countglm de counts.csv --samples samples.csv \\\n"
        '    --design "~ batch + condition" \\\n'
        "    --contrast condition,treated,control -o results",
    ),
)

OF_COMMAND: dict[str, Examples] = {
    "demo": (
        ("Into the folder countglm-demo", "countglm demo"),
        ("Into another folder", "countglm demo -o airway"),
    ),
    "de": (
        (
            "Treated against control, adjusted for the batch",
            "countglm de counts.csv --samples samples.csv \\\n"
            '    --design "~ batch + condition" \\\n'
            "    --contrast condition,treated,control -o results",
        ),
        (
            "The same with shrunken fold changes, without genes of few reads",
            "countglm de counts.csv --samples samples.csv \\\n"
            '    --design "~ batch + condition" --reference condition=control \\\n'
            '    --contrast "condition[T.treated]" --shrink apeglm \\\n'
            "    --min-count 10 -o shrunken",
        ),
        (
            "Does any batch differ? A likelihood ratio test",
            "countglm de counts.csv --samples samples.csv \\\n"
            '    --design "~ condition + batch" --lrt "~ condition" -o batches',
        ),
        (
            "In each cell type of an h5ad, in at most 4 GB of memory",
            "countglm de cells.h5ad --by cell_type \\\n"
            '    --design "~ condition" --contrast condition,treated,control \\\n'
            "    --size-factors poscounts --memory-limit 4GB -o cell-types",
        ),
    ),
    "report": (
        ("After countglm de ... --no-report -o results", "countglm report results"),
        ("With another name", "countglm report results -o page.html"),
        ("The counts have moved", "countglm report results --counts archive/counts.csv --force"),
    ),
    "fit": (
        (
            "A dispersion of its own for every gene, and a Wald test",
            "countglm fit counts.csv --samples samples.csv \\\n"
            '    --design "~ batch + condition" \\\n'
            "    --contrast condition,treated,control -o fitted",
        ),
        (
            "A Poisson model",
            "countglm fit counts.csv --samples samples.csv \\\n"
            '    --design "~ condition" --family poisson -o poisson',
        ),
    ),
    "compare": (
        (
            "Against DESeq2, with tables and a report",
            "countglm compare counts.csv --samples samples.csv \\\n"
            '    --design "~ batch + condition" \\\n'
            "    --contrast condition,treated,control --with DESeq2 -o compared",
        ),
    ),
    "diagnose": (
        ("How the genes of a fit ended", "countglm diagnose fitted/fit.h5"),
        ("All about one gene", "countglm diagnose fitted/fit.h5 --gene g7"),
    ),
    "shard": (
        (
            "Plan for four jobs, which run-shard and merge then carry out",
            "countglm shard counts.csv --samples samples.csv --shards 4 \\\n"
            '    --design "~ batch + condition" \\\n'
            "    --contrast condition,treated,control -o plan",
        ),
    ),
    "run-shard": (
        ("The second of the jobs of a plan", "countglm run-shard plan 2"),
        ("All of them with SLURM", "sbatch --array=1-4 --wrap 'countglm run-shard plan'"),
    ),
    "merge": (
        ("When all jobs have run", "countglm merge plan -o merged"),
        ("When some have not: compute the rest here", "countglm merge plan --finish -o finished"),
    ),
    "precompile": (("While an image is built", "countglm precompile"),),
    "completion": (
        ("Bash, from the next shell on", "countglm completion bash >> ~/.bashrc"),
        ("Zsh, from the next shell on", "countglm completion zsh >> ~/.zshrc"),
        (
            "Fish, from the next shell on",
            "countglm completion fish > ~/.config/fish/completions/countglm.fish",
        ),
    ),
}
