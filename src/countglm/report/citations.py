"""Publications that a methods paragraph cites, numbered in the order of their first mention."""

from __future__ import annotations

REFERENCES = {
    "deseq2": (
        "Love MI, Huber W, Anders S (2014). Moderated estimation of fold change and dispersion "
        "for RNA-seq data with DESeq2. Genome Biology 15:550. doi:10.1186/s13059-014-0550-8"
    ),
    "ratio": (
        "Anders S, Huber W (2010). Differential expression analysis for sequence count data. "
        "Genome Biology 11:R106. doi:10.1186/gb-2010-11-10-r106"
    ),
    "tmm": (
        "Robinson MD, Oshlack A (2010). A scaling normalization method for differential "
        "expression analysis of RNA-seq data. Genome Biology 11:R25. doi:10.1186/gb-2010-11-3-r25"
    ),
    "cox_reid": (
        "Cox DR, Reid N (1987). Parameter orthogonality and approximate conditional inference. "
        "Journal of the Royal Statistical Society B 49:1-39. "
        "doi:10.1111/j.2517-6161.1987.tb01422.x"
    ),
    "cook": (
        "Cook RD (1977). Detection of influential observation in linear regression. "
        "Technometrics 19:15-18. doi:10.1080/00401706.1977.10489493"
    ),
    "wilks": (
        "Wilks SS (1938). The large-sample distribution of the likelihood ratio for testing "
        "composite hypotheses. Annals of Mathematical Statistics 9:60-62. "
        "doi:10.1214/aoms/1177732360"
    ),
    "bourgon": (
        "Bourgon R, Gentleman R, Huber W (2010). Independent filtering increases detection power "
        "for high-throughput experiments. PNAS 107:9546-9551. doi:10.1073/pnas.0914005107"
    ),
    "BH": (
        "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and "
        "powerful approach to multiple testing. Journal of the Royal Statistical Society B "
        "57:289-300. doi:10.1111/j.2517-6161.1995.tb02031.x"
    ),
    "BY": (
        "Benjamini Y, Yekutieli D (2001). The control of the false discovery rate in multiple "
        "testing under dependency. Annals of Statistics 29:1165-1188. doi:10.1214/aos/1013699998"
    ),
    "apeglm": (
        "Zhu A, Ibrahim JG, Love MI (2019). Heavy-tailed prior distributions for sequence count "
        "data: removing the noise and preserving large differences. Bioinformatics 35:2084-2092. "
        "doi:10.1093/bioinformatics/bty895"
    ),
    "stephens": (
        "Stephens M (2017). False discovery rates: a new deal. Biostatistics 18:275-294. "
        "doi:10.1093/biostatistics/kxw041"
    ),
}


class Citations:
    """Numbers publications as they are cited."""

    def __init__(self) -> None:
        self._order: list[str] = []

    def __call__(self, *keys: str) -> str:
        """Return the mark of some publications, such as ``[1, 3]``."""
        numbers = []
        for key in keys:
            if key not in self._order:
                self._order.append(key)
            numbers.append(self._order.index(key) + 1)
        return f"[{', '.join(str(number) for number in numbers)}]"

    @property
    def listed(self) -> list[str]:
        """The publications that were cited, in the order of their numbers."""
        return [REFERENCES[key] for key in self._order]
