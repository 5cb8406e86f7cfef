"""`evaluate`: how good a model is on a data set, in one pass over it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy, softmax

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.dataset import ImageDataset, Labels
from quickdraw_kit.learn.model import Model

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a model makes of a data set.

    Parameters
    ----------
    label_names : tuple of str
        Names in label order.
    loss : float
        Mean cross entropy, in nats.
    top1, top3 : float
        Share of the images whose label is the first, or among the first three, of the answers.
    labels, predictions : ndarray of int64, shape (n,)
        The truth and the first answer, in the order of the data set.
    confidence : ndarray of float32, shape (n,)
        Probability of the first answer.

    Examples
    --------
    >>> truth, answers = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> sure = np.full(3, 0.9, np.float32)
    >>> Evaluation(("cat", "dog"), 0.3, 2 / 3, 1.0, truth, answers, sure).confusion
    array([[1, 1],
           [0, 1]])
    """

    label_names: tuple[str, ...]
    loss: float
    top1: float
    top3: float
    labels: Labels
    predictions: Labels
    confidence: npt.NDArray[np.float32]

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """How often label i was taken for label j, shape (classes, classes)."""
        classes = len(self.label_names)
        cells = self.labels * classes + self.predictions
        return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def evaluate(model: Model, dataset: ImageDataset, *, batch_size: int = 512) -> Evaluation:
    """Run a model over a data set.

    Parameters
    ----------
    model : Model
        On any device.
    dataset : ImageDataset
        With the labels of the model.
    batch_size : int
        Images that are on the device at once.

    Returns
    -------
    Evaluation
        The figures, and every answer.

    Raises
    ------
    UsageError
        If the data set is empty or its labels are not those of the model.
    DataError
        If its images have another size.

    Examples
    --------
    >>> from quickdraw_kit.learn.dataset import ArrayDataset
    >>> images, labels = np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 1, 0])
    >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
    >>> result = evaluate(Model.new("tiny-cnn", ("cat", "dog")), dataset)
    >>> result.top1, int(result.confusion.sum())
    (0.5, 4)
    """
    if len(dataset) == 0:
        raise UsageError("the data set is empty: there is nothing to evaluate")
    if dataset.label_names != model.label_names:
        raise UsageError(
            f"the model knows {_some(model.label_names)}, but the data set has "
            f"{_some(dataset.label_names)}: labels must be the same, in the same order"
        )
    loss, near = 0.0, 0
    labels, predictions, confidence = [], [], []
    model.network.eval()
    with torch.inference_mode():
        for images, truth in dataset.batches(batch_size):
            logits = model.logits(images)
            target = torch.from_numpy(np.array(truth)).to(logits.device)
            loss += float(cross_entropy(logits, target, reduction="sum"))
            best = logits.topk(min(3, logits.shape[1]), dim=1).indices
            near += int((best == target[:, None]).sum())
            labels.append(np.array(truth))
            predictions.append(best[:, 0].cpu().numpy())
            confidence.append(softmax(logits, dim=1).amax(dim=1).cpu().numpy())
    truths, answers = np.concatenate(labels), np.concatenate(predictions)
    return Evaluation(
        label_names=model.label_names,
        loss=loss / len(truths),
        top1=float((truths == answers).mean()),
        top3=near / len(truths),
        labels=truths,
        predictions=answers,
        confidence=np.concatenate(confidence),
    )


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} ... ({len(names)} labels)" if len(names) > 4 else shown
