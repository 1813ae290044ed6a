"""
A PMML file as a small tree: only what a schema is made from, read in one bounded pass.

The trees, coefficients and supports of a model are stepped over, whatever their size. DTDs and
entities are refused before anything is resolved: the scoring library would follow them (measured).
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from mlz.errors import Reason, RejectedError

MODELS = frozenset(
    {
        "AnomalyDetectionModel",
        "AssociationModel",
        "ClusteringModel",
        "GeneralRegressionModel",
        "MiningModel",
        "NaiveBayesModel",
        "NearestNeighborModel",
        "NeuralNetwork",
        "RegressionModel",
        "RuleSetModel",
        "Scorecard",
        "SupportVectorMachineModel",
        "TreeModel",
    }
)
UNSUPPORTED = frozenset(
    {
        "BaselineModel",
        "BayesianNetworkModel",
        "GaussianProcessModel",
        "SequenceModel",
        "TextModel",
        "TimeSeriesModel",
    }
)
_KEPT = MODELS | {
    "PMML",
    "Header",
    "Application",
    "DataDictionary",
    "DataField",
    "Value",
    "Interval",
    "MiningSchema",
    "MiningField",
    "Output",
    "OutputField",
    "Targets",
    "Target",
    "TargetValue",
    "Segmentation",
    "Segment",
}
_MAX_DEPTH = 256  # 1,000 overflow the library's stack
_MAX_KEPT = 2_000_000
_MAX_CLASSES = 10_000
_CHUNK_BYTES = 1024 * 1024


class PmmlDocument:
    """
    The root with what was kept, and what the trees that were stepped over say.

    Args:
        scored: the classes that distributions anywhere name.
        leaf_scores: whether the first leaf of the last tree has a distribution.
    """

    def __init__(self, root: Element, scored: tuple[str, ...], *, leaf_scores: bool) -> None:
        self.root = root
        self.scored = scored
        self.leaf_scores = leaf_scores


def read_pmml(path: Path) -> PmmlDocument:
    """
    Read a file.

    Raises:
        RejectedError: ModelUnsafe, a DTD or absurd nesting; ModelInvalid, broken XML or no PMML.
    """
    target = _Target()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                parser.feed(chunk)
        parser.close()
    except DefusedXmlException as error:
        raise RejectedError(
            Reason.MODEL_UNSAFE,
            "the PMML has a DTD or entities, which can read files and addresses; remove the "
            "<!DOCTYPE …>",
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # unknown encodings among them
        raise RejectedError(
            Reason.MODEL_INVALID, f"wanted a PMML file, found broken XML: {str(error)[:200]}"
        ) from error
    return target.document()


def local_name(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rsplit("}", 1)[-1]


class _Target:
    """Builds the kept elements while the parser walks; ``skipped`` counts levels left out."""

    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._skipped = 0
        self._kept = 0
        self._scored: dict[str, None] = {}
        self._node_scores = False
        self._leaf_scores: bool | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)
        if len(self._open) + self._skipped >= _MAX_DEPTH:
            raise RejectedError(
                Reason.MODEL_UNSAFE, f"the PMML is nested deeper than {_MAX_DEPTH} elements"
            )
        self._look_at_trees(name, attributes)
        if self._skipped or (self._open and name not in _KEPT | UNSUPPORTED):
            self._skipped += 1
            return
        element = Element(name, attributes)
        self._kept += 1
        if self._kept > _MAX_KEPT:
            raise RejectedError(
                Reason.MODEL_UNSAFE, f"the PMML has more than {_MAX_KEPT} fields and segments"
            )
        if self._open:
            self._open[-1].append(element)
        else:
            self._root = element
        self._open.append(element)

    def end(self, tag: str) -> None:
        # The first node that ends is the first leaf.
        if self._leaf_scores is None and local_name(tag) == "Node":
            self._leaf_scores = self._node_scores
        if self._skipped:
            self._skipped -= 1
            return
        closed = self._open.pop()
        if closed.tag == "Segment" and self._open:
            _keep_last(self._open[-1], closed)

    def data(self, _text: str) -> None:
        """Text is of no interest."""

    def close(self) -> None:
        """The parser ends here; the result is ``document``."""

    def document(self) -> PmmlDocument:
        root = self._root
        if root is None or root.tag != "PMML":
            found = "nothing" if root is None else f"<{root.tag[:60]}>"
            raise RejectedError(
                Reason.MODEL_INVALID, f"wanted a PMML file, found XML whose root is {found}"
            )
        return PmmlDocument(root, tuple(self._scored), leaf_scores=bool(self._leaf_scores))

    def _look_at_trees(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "TreeModel":
            self._leaf_scores = None
        elif name == "Node":
            self._node_scores = False
        elif name == "ScoreDistribution":
            self._node_scores = True
            if len(self._scored) < _MAX_CLASSES:
                self._scored[attributes.get("value", "")] = None


def _keep_last(segmentation: Element, segment: Element) -> None:
    """Of a thousand segments only the last can matter: a chain answers with it."""
    for older in [child for child in segmentation if child is not segment]:
        segmentation.remove(older)
