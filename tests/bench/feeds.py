"""Feeds that look like those of Arabic news sites, and a server for them: `python -m tests.bench.feeds FEEDS`.

A feed lists thirty items; at each step one to three new ones push the oldest out. Everything is drawn by seed, so that
two who read the same steps read the same bytes. The server writes its address, then waits for lines of JSON: the step
to serve from now on, and whether with validators. It is as quick as can be, because it shares the machine with those
who are measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache
from random import Random
from typing import Final

LISTED: Final = 30
APART: Final = timedelta(minutes=30)
TEXT: Final = """
أعلنت وزارة الموارد المائية اليوم عن بدء أعمال صيانة السد الكبير بعد انتهاء موسم الأمطار وقال المتحدث باسم الوزارة إن
الفرق الهندسية وصلت إلى الموقع صباح الثلاثاء وستعمل على مدار الساعة حتى نهاية الشهر المقبل فيما حذرت البلدية سكان
القرى المجاورة من ارتفاع منسوب النهر ودعت المزارعين إلى نقل المواشي والمعدات من الضفة الشرقية وأكد المحافظ خلال مؤتمر
صحفي أن المدارس ستفتح أبوابها كالمعتاد وأن حركة القطارات بين العاصمة والميناء لم تتأثر بينما طالب أعضاء المجلس المحلي
بتوضيح أسباب تأخر تنفيذ المشروع الذي بلغت كلفته ثلاثين مليون دينار وأشار تقرير هيئة الأرصاد إلى استمرار هطول الثلوج على
المرتفعات الجبلية مع انخفاض درجات الحرارة إلى ما دون الصفر ليلا وتوقع خبراء الاقتصاد تراجع أسعار القمح والزيت في الأسواق
العالمية إثر توقيع اتفاقية تبادل تجاري جديدة تشمل ١٢ دولة وفاز المنتخب الوطني على ضيفه بهدفين مقابل هدف واحد
"""

WORDS: Final = TEXT.split()

ITEM: Final = """
    <item>
      <title>{title}</title>
      <link>https://news-{feed}.example.org/2026/{number}/report?utm_source=rss&amp;utm_medium=feed</link>
      <guid isPermaLink="false">https://news-{feed}.example.org/?p={number}</guid>
      <pubDate>{date}</pubDate>
      <dc:creator><![CDATA[غرفة الأخبار]]></dc:creator>
      <category><![CDATA[محليات]]></category>
      <category><![CDATA[اقتصاد]]></category>
      <description><![CDATA[<p>{text}</p>]]></description>
      <media:content url="https://cdn.example.org/{feed}/{number}.jpg" medium="image" type="image/jpeg"/>
    </item>"""
FEED: Final = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:media="http://search.yahoo.com/mrss/">
  <channel>
    <title>أخبار المدينة {feed}</title>
    <link>https://news-{feed}.example.org/</link>
    <atom:link href="https://news-{feed}.example.org/feed" rel="self" type="application/rss+xml"/>
    <description>آخر الأخبار من غرفة التحرير</description>
    <language>ar</language>{items}
  </channel>
</rss>
"""


def feed_at(feed: int, step: int, begun: datetime) -> bytes:
    """Write a feed as it is at a step; its first items are dated before ``begun``."""
    newest = LISTED + sum(came(feed, one) for one in range(1, step + 1))
    items = (_item(feed, number, begun) for number in range(newest, newest - LISTED, -1))
    return FEED.format(feed=feed, items="".join(items)).encode()


def came(feed: int, step: int) -> int:
    """Return how many items are new at a step."""
    return LISTED if step == 0 else 1 + (feed + step) % 3


def tag_at(feed: int, step: int) -> str:
    """Return the validator of a feed at a step."""
    return f'"{feed}-{step}"'


@cache
def _item(feed: int, number: int, begun: datetime) -> str:
    random = Random(feed * 10_000 + number)
    words = random.choices(WORDS, k=62)
    date = format_datetime(begun + (number - LISTED) * APART)
    return ITEM.format(feed=feed, number=number, title=" ".join(words[:9]), text=f"{' '.join(words[9:])}.", date=date)


class _Served:
    """What is served now: bodies by path, with validators or without."""

    def __init__(self, feeds: int, begun: datetime) -> None:
        self._feeds, self._begun = feeds, begun
        self._answers: dict[bytes, bytes] = {}
        self._tags: dict[bytes, bytes] = {}

    def show(self, step: int, *, validators: bool) -> None:
        """Serve a step from now on."""
        for feed in range(self._feeds):
            path, body, tag = f"/{feed}".encode(), feed_at(feed, step, self._begun), tag_at(feed, step)
            self._tags[path] = tag.encode() if validators else b""
            line = f"ETag: {tag}\r\n" if validators else ""
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n{line}\r\n"
            self._answers[path] = head.encode() + body

    def answer(self, request: bytes) -> bytes:
        """Answer a request of which the whole head is there."""
        path = request.split(b" ", 2)[1]
        tag = self._tags.get(path, b"")
        if tag and tag in request:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + tag + b"\r\n\r\n"
        return self._answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


class _Connection(asyncio.Protocol):
    """One connection, kept open as long as its other end wants."""

    def __init__(self, served: _Served) -> None:
        self._served, self._head = served, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._transport.write(self._served.answer(self._head))
            if b"\r\nConnection: close" in self._head:
                self._transport.close()
            self._head = b""


async def serve(feeds: int, begun: datetime) -> None:
    """Serve until the input ends."""
    loop, served = asyncio.get_running_loop(), _Served(feeds, begun)
    server = await loop.create_server(lambda: _Connection(served), "127.0.0.1", 0, backlog=1_000)
    print(json.dumps(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        served.show(**json.loads(line))
        print("null", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])))
