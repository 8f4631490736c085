"""Counting requests in moving windows, by the `limits` library: in Redis for several processes, else in memory.

When Redis is away, this process counts in its own memory until Redis answers again: requests go on.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.aio.storage import MovingWindowSupport, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from prometheus_client import CollectorRegistry, Counter

from picshapes_api.core.rate_limits import Verdict, WindowState

REDIS_ANSWER_S: Final = 0.5
REDIS_AWAY_S: Final = 5.0
"""After a failure, Redis is left alone for so long."""
SWEEP_S: Final = 60.0

log = structlog.get_logger(__name__)


class WindowMemory(Storage, MovingWindowSupport):
    """Moving windows in this process's memory.

    The library's own memory storage hands work to threads at each request; here a request costs microseconds.
    """

    STORAGE_SCHEME: list[str] = []  # noqa: RUF012 - the library's own form: not made from a URL

    def __init__(self) -> None:
        self._windows: dict[str, deque[float]] = {}
        self._expiry_s: dict[str, int] = {}
        self._swept_at = time.time()
        super().__init__()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a call may raise: nothing."""
        return ValueError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count requests if all of them fit."""
        now = time.time()
        self._sweep(now)
        window = self._current(key, now, expiry)
        if len(window) + amount > limit:
            return False
        window.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - the library's signature
        """Return when the oldest request was counted, and how many are."""
        now = time.time()
        window = self._current(key, now, expiry)
        return (window[0], len(window)) if window else (now, 0)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in a fixed window: not used here."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """Read a fixed window: not used here."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """Read a fixed window's end: not used here."""
        raise NotImplementedError

    async def check(self) -> bool:
        """Memory is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything."""
        forgotten = len(self._windows)
        self._windows.clear()
        return forgotten

    async def clear(self, key: str) -> None:
        """Forget one window."""
        self._windows.pop(key, None)

    def _current(self, key: str, now: float, expiry: int) -> deque[float]:
        window = self._windows.setdefault(key, deque())
        self._expiry_s[key] = expiry
        while window and window[0] <= now - expiry:
            window.popleft()
        return window

    def _sweep(self, now: float) -> None:
        """Forget windows that nobody has used for as long as they are."""
        if now - self._swept_at < SWEEP_S:
            return
        self._swept_at = now
        for key in [key for key, one in self._windows.items() if not one or one[-1] <= now - self._expiry_s[key]]:
            del self._windows[key], self._expiry_s[key]


class RateLimiter:
    """Counts a caller's requests by the minute and by the day."""

    def __init__(self, redis_url: str | None, registry: CollectorRegistry, monotonic: Callable[[], float]) -> None:
        self._memory = MovingWindowRateLimiter(WindowMemory())
        self._redis_storage = _redis(redis_url) if redis_url else None
        self._redis = MovingWindowRateLimiter(self._redis_storage) if self._redis_storage else None
        self._monotonic = monotonic
        self._away_until = float("-inf")
        self._fallbacks = Counter(
            "picshapes_api_rate_limit_fallbacks",
            "Requests counted in memory since Redis was away",
            registry=registry,
        )

    async def hit(self, who: str, per_minute: int, per_day: int) -> Verdict:
        """Count a request; a limit of 0 is none."""
        items: list[RateLimitItem] = []
        if per_minute:
            items.append(RateLimitItemPerMinute(per_minute))
        if per_day:
            items.append(RateLimitItemPerDay(per_day))
        if not items:
            return Verdict(())
        if self._redis is not None and self._monotonic() >= self._away_until:
            try:
                return await _count(self._redis, items, who)
            except StorageError as error:
                self._away_until = self._monotonic() + REDIS_AWAY_S
                log.error("limits.redis_away", error=type(error.storage_error).__name__, for_s=REDIS_AWAY_S)  # noqa: TRY400 - no traceback of ours
        if self._redis is not None:
            self._fallbacks.inc()
        return await _count(self._memory, items, who)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis_storage is not None:
            bridge: Any = self._redis_storage.bridge
            await bridge.storage.aclose()


async def _count(limiter: MovingWindowRateLimiter, items: list[RateLimitItem], who: str) -> Verdict:
    """Count in all windows, or, when one is full, say for how long."""
    windows, refused = [], False
    for item in items:
        hit = not refused and await limiter.hit(item, who)
        stats = await limiter.get_window_stats(item, who)
        full = stats.remaining <= 0 and not hit
        windows.append(WindowState(item.amount, stats.remaining, stats.reset_time - time.time(), refused=full))
        refused = refused or not hit
    return Verdict(tuple(windows))


def _redis(url: str) -> RedisStorage:
    bounded: dict[str, Any] = {"socket_timeout": REDIS_ANSWER_S, "socket_connect_timeout": REDIS_ANSWER_S}
    return RedisStorage(
        f"async+{url}", wrap_exceptions=True, implementation="redispy", key_prefix="picshapes:limits", **bounded
    )
