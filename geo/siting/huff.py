"""Market areas by the Huff model: where customers are expected to buy, and what a store more takes from whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from geo.checks import amounts
from geo.siting.accessibility import decayed, power

if TYPE_CHECKING:
    from geo.networks.topology import Bools, Floats


@dataclass(frozen=True, eq=False)
class MarketChange:
    """Expected customers of each store without and with those that open; arrays of the same length.

    Parameters
    ----------
    before
        Without them: 0 for those that open.
    after
        With them.
    """

    before: Floats
    after: Floats

    @property
    def change(self) -> Floats:
        """What each wins, or loses where negative."""
        return self.after - self.before


def huff_shares(
    cost: Any, attraction: Any, *, exponent: float = 2.0, attraction_exponent: float = 1.0, least: float
) -> scipy.sparse.csr_array:
    """Return the probability that customers of each place buy at each store (Huff model).

    ``P_ij = S_j^a d_ij^-b / sum_k S_k^a d_ik^-b``. Huff 1964, Journal of Marketing 28(3), 34-38; the exponent of the
    attraction from Nakanishi & Cooper 1974, Journal of Marketing Research 11(3), 303-311.

    Parameters
    ----------
    cost
        From customers (rows) to stores (columns): see `geo.siting.accessibility`. What is out of reach has no
        probability.
    attraction
        Of each store, such as its floor space, 0 or more.
    exponent
        b, how much distance deters.
    attraction_exponent
        a.
    least
        Costs below this count as this, since nobody prefers a store without bounds because they live in it.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (customers, stores). A row adds up to 1, or is empty where no store that attracts is in reach.

    Raises
    ------
    InvalidInputError
        If a cost or an attraction is negative or not a number, an exponent or the least cost is not positive, or there
        are not as many attractions as stores.
    """
    weight = decayed(cost, power(exponent, least=float(amounts("least", least, positive=True))))
    drawn = amounts("attraction", attraction, count=weight.shape[1])
    pull = drawn ** float(amounts("attraction_exponent", attraction_exponent, positive=True))
    utility = scipy.sparse.csr_array(weight @ scipy.sparse.diags_array(pull, format="csr"))
    utility.eliminate_zeros()
    total = utility.sum(axis=1)
    return scipy.sparse.csr_array(
        scipy.sparse.diags_array(np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)) @ utility
    )


def expected_customers(shares: scipy.sparse.csr_array, customers: Any) -> Floats:
    """Return the customers that each store is expected to have.

    Parameters
    ----------
    shares
        From `huff_shares`.
    customers
        How many there are at each place, 0 or more.
    """
    expected: Floats = shares.T @ amounts("customers", customers, count=shares.shape[0])
    return expected


def market_change(
    cost: Any,
    customers: Any,
    attraction: Any,
    opening: Bools,
    *,
    exponent: float = 2.0,
    attraction_exponent: float = 1.0,
    least: float,
) -> MarketChange:
    """Compare the market without and with stores that open (cannibalisation analysis).

    The Huff model is reckoned twice; what a chain's own stores lose to its store that opens is cannibalised.

    Parameters
    ----------
    cost, attraction, exponent, attraction_exponent, least
        See `huff_shares`; the stores that open are columns too.
    customers
        How many there are at each place.
    opening
        Which stores open.

    Raises
    ------
    InvalidInputError
        As `huff_shares`.
    """
    drawn = amounts("attraction", attraction)
    options = {"exponent": exponent, "attraction_exponent": attraction_exponent, "least": least}
    before, after = (
        expected_customers(huff_shares(cost, pull, **options), customers)
        for pull in (np.where(opening, 0.0, drawn), drawn)
    )
    return MarketChange(before, after)
