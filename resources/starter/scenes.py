# SPDX-License-Identifier: Apache-2.0
"""Painted scenes with known contents: landscapes and coloured grounds, subjects on top, a painter's finish.

`Painter` keeps a pool of finished backgrounds and resized subjects, so that a picture costs milliseconds.
A picture's description is a dict: kind, time, season, place, ground, subjects [(index, count, x, y, size)].
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage as nd
from scipy.spatial import cKDTree

from subjects import PICTURES, sprite, where

SIZE = 128
TIMES = ["dawn", "day", "dusk", "night"]
SEASONS = ["spring", "summer", "autumn", "winter"]
PLACES = ["lake", "sea", "river", "hills", "field", "mountains", "forest"]
WATER = {"lake", "sea", "river"}
GROUNDS = {
    "red": "#c8372f", "orange": "#e8862e", "yellow": "#f2cf4a", "green": "#5a9e4b", "turquoise": "#3fb0a8",
    "blue": "#3f74c4", "purple": "#7a53a8", "pink": "#eda0b8", "brown": "#8a5f3f", "grey": "#9a9a9a",
    "white": "#f4f1ea", "black": "#25242a",
}
# Sky from zenith to horizon, then the light that tints everything and how strongly it does.
SKIES = {
    "dawn": [["#8fb4d8", "#c9d3e4", "#f7d3c0", "#ffe6c4"], ["#9fb0dc", "#d8c8e2", "#fbc9bd", "#fff0d0"]],
    "day": [["#3f8fd8", "#74b6e8", "#a8d6f2", "#d8eef8"], ["#4a9ade", "#8cc6ee", "#bfe2f6", "#e8f5fa"]],
    "dusk": [["#4a3a78", "#a04f86", "#ea7a5a", "#ffc46a"], ["#3b3f7c", "#8c5390", "#f08a66", "#ffd07c"]],
    "night": [["#070d26", "#0f1b42", "#1b3060", "#31507e"], ["#0a1030", "#151f4a", "#23366a", "#3a5282"]],
}
LIGHT = {"dawn": ("#ffd9c0", .16), "day": ("#ffffff", .0), "dusk": ("#e8794f", .30), "night": ("#16255a", .62)}
LAND = {  # near, far
    "spring": [("#7cc04e", "#b5dba0"), ("#86c45c", "#bfe0b0")],
    "summer": [("#3f8f3a", "#7fb383"), ("#4c9636", "#8dbb80")],
    "autumn": [("#c0772a", "#d8a970"), ("#b8632c", "#cf9c6c")],
    "winter": [("#eef3f8", "#c3d3e4"), ("#e6eef6", "#b8cade")],
}
TREES = {
    "spring": ["#f3b7cb", "#f6cbd8", "#8fc763"], "summer": ["#2c6b30", "#38783a", "#245c2e"],
    "autumn": ["#d9632a", "#e8a033", "#b5402a"], "winter": ["#dfe8f0", "#8fa3b5", "#f2f6fa"],
}
FLOWERS = {"spring": ["#ffffff", "#f7a8c4", "#f6e36a"], "summer": ["#e84a3c", "#f6d23c", "#ffffff"],
           "autumn": ["#8a3d1f", "#e8b23c", "#a8551f"], "winter": []}


def rgb(text):
    """'#rrggbb' as three floats."""
    return np.array([int(text[i:i + 2], 16) for i in (1, 3, 5)], float) / 255


def noise(rng, n, base, octaves=4):
    """Smooth noise of unit deviation, n x n, `base` waves across."""
    out = np.zeros((n, n))
    for o in range(octaves):
        k = min(n, base * 2 ** o)
        out += nd.zoom(rng.standard_normal((k + 3, k + 3)), n / k, order=1)[:n, :n] * .5 ** o
    return out / out.std()


def ridge(rng, n, rough=.5, base=2, octaves=5):
    """One skyline: n heights in -1..1."""
    y = np.zeros(n)
    for o in range(octaves):
        k = base * 2 ** o
        y += nd.zoom(rng.standard_normal(k + 4), n / k, order=3)[:n] * rough ** o
    y -= y.mean()
    return y / np.abs(y).max()


def over(a, mask, colour):
    """Paint `colour` (3 floats or a picture) on `a` where mask is set."""
    m = mask[..., None]
    a *= 1 - m
    a += m * colour


def dabs(rng, a, count, strength=.02):
    """Repaint a picture with flat, wide touches of the brush."""
    n = len(a)
    points = rng.random((count, 2)) * n
    grid = np.stack(np.mgrid[0:n, 0:n], -1).reshape(-1, 2) + rng.standard_normal((n * n, 2)) * .25
    _, nearest = cKDTree(points * (1, .45)).query(grid * (1, .45))
    y, x = points.astype(int).T
    colours = a[y, x] * (1 + rng.standard_normal((count, 1)) * strength)
    return colours[nearest].reshape(n, n, 3)


def trees(rng, a, y0, season, light, how, n, count):
    """A row of trees standing on the line y0 (a function of x)."""
    Y, X = np.mgrid[0:n, 0:n] / n
    for _ in range(count):
        x = rng.random()
        h = rng.uniform(.10, .2) * how
        w = h * rng.uniform(.34, .5)
        foot = y0[int(x * (n - 1))] + .012
        c = rgb(TREES[season][rng.integers(3)]) * rng.uniform(.85, 1.08)
        c = c * (1 - light[1]) + light[1] * light[0] * .8
        if rng.random() < .45:  # fir
            t = np.clip((Y - (foot - h)) / h, 0, 1)
            m = (np.abs(X - x) < w * .55 * t * (.8 + .2 * np.cos(t * 22))) & (Y < foot) & (Y > foot - h)
        else:
            m = np.hypot((X - x) / (w * .8), (Y - (foot - h * .6)) / (h * .45)) < 1
            trunk = (np.abs(X - x) < w * .1) & (Y > foot - h * .3) & (Y < foot)
            over(a, trunk * 1., rgb("#5a4030") * (1 - light[1] * .6))
        shade = c * (1.06 - .3 * np.clip((X - x) / w + .5, 0, 1))[..., None]
        over(a, nd.gaussian_filter(m * 1., .7), shade)


def landscape(rng, time, season, place, n=2 * SIZE):
    """Paint one landscape; returns the picture and its horizon (a fraction of the height)."""
    Y, X = np.mgrid[0:n, 0:n] / n
    hz = {"sea": rng.uniform(.46, .56), "mountains": rng.uniform(.56, .64)}.get(place, rng.uniform(.5, .62))
    sky = [rgb(c) for c in SKIES[time][rng.integers(2)]]
    t = np.clip(np.linspace(0, n / (hz * n), n), 0, 1)
    a = np.stack([np.interp(t, [0, .4, .75, 1], [c[k] for c in sky]) for k in range(3)], 1)[:, None].repeat(n, 1)
    light = (rgb(LIGHT[time][0]), LIGHT[time][1])
    lit = lambda c: c * (1 - light[1]) + light[0] * light[1] * (c.mean() * .6 + .4)
    # clouds
    if time != "night" or rng.random() < .3:
        c = nd.gaussian_filter(noise(rng, n, 4), (n * .008, n * .03))
        m = np.clip((c / c.std() - .3) * .55, 0, 1) * np.clip(1.1 - Y / hz, 0, 1) * (.25 if time == "night" else .8)
        over(a, m, {"day": rgb("#ffffff"), "dawn": rgb("#fff0e6"), "dusk": rgb("#ffb58a"), "night": rgb("#40527e")}[time])
    # sun or moon
    sx, sy = rng.uniform(.12, .88), rng.uniform(.1, .3)
    if time == "night":
        if rng.random() < .5:
            d = np.hypot(X - sx, Y - sy)
            over(a, np.exp(-(d / .14) ** 2) * .35, rgb("#9fb4dc"))
            over(a, np.clip((.045 - d) * n / 2, 0, 1), rgb("#f6f1d6"))
    elif rng.random() < .75:
        if time != "day":
            sy = hz - rng.uniform(.03, .14)
        d = np.hypot(X - sx, Y - sy)
        c = rgb({"dawn": "#fff6dc", "day": "#fffbe0", "dusk": "#fff0b0"}[time])
        over(a, np.exp(-(d / .25) ** 2) * .35 + np.exp(-(d / .10) ** 2) * .3, c)
        over(a, np.clip((.05 - d) * n / 2, 0, 1), c)
    # far hills and mountains
    near, far = (rgb(c) for c in LAND[season][rng.integers(2)])
    haze = sky[3]
    if place != "sea" or rng.random() < .25:
        rows = 3 if place == "mountains" else 2
        for i in range(rows):
            k = i / max(1, rows - 1)
            if place == "mountains":
                line = hz - .02 + .05 * k - (.30 - .17 * k) * np.clip(.45 + .55 * ridge(rng, n, .5, 3), 0, 1)
                c = rgb("#7f93b8") * (1 - k) + (rgb("#6f7f8f") * .4 + near * .6) * k
            else:
                line = hz + .01 - (.11 - .05 * k) * (.55 + .45 * ridge(rng, n, .35, 2))
                c = far * (1 - k) + (far * .5 + near * .5) * k
            c = lit(c) * (.72 + .28 * k) + haze * (.28 - .28 * k)
            m = np.clip((Y - line[None]) * n, 0, 1)
            body = c * (1 + .05 * noise(rng, n, 10, 2))[..., None]
            if place == "mountains" and k < .9:
                depth = .09 if season == "winter" else .045
                cap = np.clip(1 - (Y - line[None] + .012 * noise(rng, n, 14, 2)) / depth, 0, 1) > .35
                over(body, nd.gaussian_filter(cap * 1., 1), lit(rgb("#ffffff")))
            over(a, m, body)
        if place in ("lake", "river", "hills", "field") and rng.random() < .6:
            trees(rng, a, line + .01, season, light, .5, n, rng.integers(3, 8))
        if place == "forest":
            for k in (.6, 1.0):
                trees(rng, a, np.full(n, hz + .02 * k + .02), season, light, .9 + .9 * k, n, 16)
    # foreground
    fore = np.clip((Y - hz) / (1 - hz), 0, 1)
    grass = near[None, None] * (1.04 - .22 * fore)[..., None] * (1 + .05 * noise(rng, n, 12, 3))[..., None]
    ground = grass * (1 - light[1]) + light[1] * light[0] * (.4 + .6 * grass.mean(2, keepdims=True))
    edge = np.clip((Y - hz) * n, 0, 1)
    if place in WATER:
        deep = {"dawn": "#7fa6bd", "day": "#2f86c0", "dusk": "#6a4a78", "night": "#0c1a3e"}[time]
        mirror = a[np.clip((2 * hz * n - np.arange(n)).astype(int), 0, n - 1)]
        water = mirror * .5 + .5 * rgb(deep)
        water = water * (1 - .35 * fore[..., None]) + .35 * fore[..., None] * rgb(deep)
        wave = nd.gaussian_filter(rng.standard_normal((n, n)), (1.6, 11))
        wave /= wave.std()
        over(water, np.clip(wave * .6 - .45, 0, 1) * .6, haze)
        if place == "sea":
            bend = nd.gaussian_filter(noise(rng, n, 6, 2), (3, 12))
            crest = np.clip(np.sin(fore ** .6 * 40 + 1.3 * bend) - .72, 0, 1) * np.clip(.7 + .5 * wave, 0, 1) * 2
            over(water, np.clip(crest, 0, .45), haze * .5 + .5)
        if time != "night" or rng.random() < .5:
            glint = np.exp(-((X - sx) / (.03 + .08 * fore)) ** 2) * np.clip(wave * .6 + .2, 0, 1)
            over(water, glint * .7, rgb("#fff2cc") if time != "night" else rgb("#cfdaf0"))
        if place == "river":
            bend = .5 + .16 * np.sin(fore * 4 + rng.random() * 6) * (1 - fore)
            width = .05 + .24 * fore
            m = np.clip((width - np.abs(X - bend + .03 * noise(rng, n, 6, 2))) * n / 4, 0, 1)
            over(a, edge, ground)
            over(a, edge * m, water)
        else:
            over(a, edge, water)
            if place == "lake":
                shore = (.06 + .05 * ridge(rng, n, .4)) * np.abs(np.linspace(-1, 1, n)) ** .8 * 1.6
                over(a, np.clip((Y - (1.0 - shore[None])) * n, 0, 1), ground * .9)
    else:
        if place == "field":
            v = rng.uniform(.3, .7)
            rows = np.sin((X - v) / (.08 + fore) * 26)
            ground = ground * (1 + .11 * rows * np.clip(fore * 3, 0, 1))[..., None]
        if place == "hills":
            line = hz + .06 - .07 * ridge(rng, n, .3, 2)
            over(a, edge, ground * .92)
            edge = np.clip((Y - line[None]) * n, 0, 1)
        over(a, edge, ground)
        if FLOWERS[season] and place in ("hills", "field", "mountains") and rng.random() < .7:
            for _ in range(70):
                y = hz + .08 + rng.random() ** .8 * (.92 - hz)
                x, r = rng.random(), .004 + .008 * (y - hz)
                q = slice(int((y - .03) * n), int((y + .03) * n)), slice(max(0, int((x - .03) * n)), int((x + .03) * n))
                m = np.clip((r - np.hypot(X[q] - x, Y[q] - y)) * n, 0, 1)
                over(a[q], m * .9, lit(rgb(FLOWERS[season][rng.integers(3)])))
    if season == "winter" and place != "sea" and rng.random() < .5:  # falling snow
        y, x = (rng.random((2, 110)) * n).astype(int)
        flakes = np.zeros((n, n))
        flakes[y, x] = 1
        over(a, np.clip(nd.gaussian_filter(flakes, 1.1) * 7, 0, .9), rgb("#ffffff"))
    a = a * .4 + .6 * dabs(rng, np.clip(a, 0, 1), 5200)
    if time == "night":
        for _ in range(46):
            y, x, r = rng.random() * n * (hz - .14), rng.random() * n, rng.uniform(.7, 1.5)
            q = slice(max(0, int(y) - 5), int(y) + 6), slice(max(0, int(x) - 5), int(x) + 6)
            star = np.exp(-((Y[q] * n - y) ** 2 + (X[q] * n - x) ** 2) / (2 * r * r)) * rng.uniform(.5, 1)
            over(a[q], star, rgb("#fff8e0"))
    return np.clip(a, 0, 1), hz


def coloured(rng, name, n=2 * SIZE):
    """A plain ground of one colour: brushed, shaded or with a soft light in the middle."""
    c = np.clip(rgb(GROUNDS[name]) + rng.standard_normal(3) * .025, 0, 1)
    Y, X = np.mgrid[0:n, 0:n] / n
    a = np.broadcast_to(c, (n, n, 3)).copy()
    kind = rng.integers(3)
    if kind == 0:
        a *= (1.1 - .25 * Y)[..., None]
    elif kind == 1:
        a *= (1.12 - .35 * np.hypot(X - .5, Y - .45))[..., None]
    s = nd.gaussian_filter(rng.standard_normal((n, n)), (2, 14) if rng.random() < .5 else (9, 9))
    a *= (1 + .035 * s / s.std())[..., None]
    return np.clip(a, 0, 1), .62


def halve(a):
    """Average 2 x 2 pixels and store as bytes."""
    n = len(a) // 2
    return (a.reshape(n, 2, n, 2, 3).mean((1, 3)) * 255 + .5).astype(np.uint8)


def paint_one(seed):
    """Background number `seed`: (picture, [kind, time, season, place or ground], horizon)."""
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        g = seed // 3 % len(GROUNDS)
        a, hz = coloured(rng, list(GROUNDS)[g])
        return halve(a), (1, -1, -1, g), hz
    k = seed // 3 * 2 + seed % 3 - 1
    t, s, p = k % 4, k // 4 % 4, k // 16 % len(PLACES)
    a, hz = landscape(rng, TIMES[t], SEASONS[s], PLACES[p])
    return halve(a), (0, t, s, p), hz


def backgrounds(path, count):
    """The pool of backgrounds, painted once and kept in `path`."""
    if not os.path.exists(path):
        from multiprocessing import Pool
        with Pool() as pool:
            done = pool.map(paint_one, range(count), chunksize=16)
        temporary = path + ".part.npz"
        np.savez(temporary, pictures=np.stack([d[0] for d in done]), what=np.array([d[1] for d in done]),
                 horizon=np.array([d[2] for d in done]))
        os.replace(temporary, path)
    z = np.load(path)
    return z["pictures"], z["what"], z["horizon"]


def shifted(a, dy, dx):
    """`a` (B,C,H,W) moved by a few pixels with its border repeated."""
    p = max(abs(dy), abs(dx))
    b = F.pad(a, (p, p, p, p), mode="replicate")
    h, w = a.shape[-2:]
    return b[..., p + dy:p + dy + h, p + dx:p + dx + w]


def finish(batch):
    """The painter's finish on a (B,3,H,W) batch in 0..1: Kuwahara smoothing, crisp edges, a vignette."""
    a = batch
    luminance = a.mean(1, keepdim=True)
    box = lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    mean = box(torch.cat([a, luminance, luminance * luminance], 1))
    variance = mean[:, 4:5] - mean[:, 3:4] ** 2
    best, out = None, None
    for dy in (-1, 1):
        for dx in (-1, 1):
            v, m = shifted(variance, dy, dx), shifted(mean[:, :3], dy, dx)
            if best is None:
                best, out = v, m
            else:
                k = v < best
                out, best = torch.where(k, m, out), torch.minimum(v, best)
    a = .35 * a + .65 * out
    a = a + .55 * (a - box(a))
    n = a.shape[-1]
    y = torch.linspace(-.5, .5, n, device=a.device)
    r = (y[:, None] ** 2 + y[None] ** 2).sqrt()
    return (a * (1 - .30 * (r - .35).clamp(min=0) ** 1.2)).clamp(0, 1)


class Painter:
    """Composes pictures from the pool of backgrounds and the sprites."""

    SIZES = list(range(32, 117, 4))

    def __init__(self, work, count=5040, seed=0):
        self.pictures, self.what, self.horizon = backgrounds(os.path.join(work, "backgrounds.npz"), count)
        self.rng = np.random.default_rng(seed)
        self.sprites = [sprite(i) for i in range(len(PICTURES))]
        self.cache = {}
        self.plain = np.flatnonzero(self.what[:, 0] == 1)
        self.scenic = np.flatnonzero(self.what[:, 0] == 0)
        self.wet = np.isin(self.what[:, 3], [PLACES.index(p) for p in WATER]) & (self.what[:, 0] == 0)

    def subject(self, i, size):
        """Subject i at about `size` pixels: (colour, alpha), colour already multiplied."""
        size = min(self.SIZES, key=lambda s: abs(s - size))
        if (i, size) not in self.cache:
            im = self.sprites[i]
            k = size / max(im.size)
            a = np.asarray(im.convert("RGBa").resize(
                (max(1, round(im.width * k)), max(1, round(im.height * k))), Image.LANCZOS)).astype(np.float32) / 255
            self.cache[i, size] = a
        return self.cache[i, size]

    def place(self, canvas, sprite_, x, y, tint, reflect, shadow):
        """Blend a sprite with its foot at (x, y), with its reflection or shadow."""
        n = SIZE
        h, w = sprite_.shape[:2]
        x0, y0 = int(round(x - w / 2)), int(round(y - h))

        def blend(a, x0, y0, fade=None):
            h, w = a.shape[:2]
            ys, xs = slice(max(0, y0), min(n, y0 + h)), slice(max(0, x0), min(n, x0 + w))
            if ys.start >= ys.stop or xs.start >= xs.stop:
                return
            a = a[ys.start - y0:ys.stop - y0, xs.start - x0:xs.stop - x0]
            if fade is not None:
                a = a * fade[ys.start - y0:ys.stop - y0, None, None]
            canvas[ys, xs] = canvas[ys, xs] * (1 - a[..., 3:]) + a[..., :3]

        if reflect:
            blend(sprite_[::-1], x0, y0 + h - 2, np.linspace(.42, .0, h, dtype=np.float32))
        elif shadow:
            sy, sx = max(2, int(h * .07)), w * .46
            yy, xx = np.mgrid[0:2 * sy + 1, 0:w]
            m = np.clip(1.25 - np.hypot((yy - sy) / sy, (xx - w / 2) / sx), 0, .38).astype(np.float32)
            blend(np.dstack([m * .05, m * .05, m * .1, m]).astype(np.float32), x0, y0 + h - sy - 1)
        if tint is not None:
            c, k = tint
            sprite_ = sprite_.copy()
            sprite_[..., :3] = sprite_[..., :3] * (1 - k) + k * c * sprite_[..., 3:]
        blend(sprite_, x0, y0)

    def compose(self, subjects=None, plain=None, kinds=(.5, .2, .3), background=None, reject=None):
        """One unfinished picture and its description.

        subjects, background, plain: fix which ones. kinds: shares of one large subject in the middle, one of any size anywhere, several.
        reject(i, description): true for a subject that must not appear in this setting.
        """
        rng = self.rng
        plain = rng.random() < .36 if plain is None else plain
        b = rng.choice(self.plain if plain else self.scenic) if background is None else background
        plain = bool(self.what[b, 0])
        canvas = self.pictures[b].astype(np.float32) / 255
        if rng.random() < .5:
            canvas = canvas[:, ::-1].copy()
        kind, time, season, place = (int(v) for v in self.what[b])
        hz, wet = self.horizon[b] * SIZE, bool(self.wet[b])
        about = {"plain": plain, "time": time, "season": season, "place": place}

        def pick():
            while True:
                i = int(rng.integers(len(PICTURES)))
                if reject is None or not reject(i, about):
                    return i

        if subjects is None:
            mode = rng.choice(3, p=kinds)  # one large, one at any size, several
            first = pick()
            if mode < 2:
                subjects = [(first, 1)]
            else:
                u = rng.random()
                if u < .25:
                    subjects = [(first, 2 if rng.random() < .7 else 3)]
                elif u < .9:
                    subjects = [(first, 1), (pick(), 1)]
                else:
                    subjects = [(first, 1), (pick(), 1), (pick(), 1)]
        else:
            mode = 0 if len(subjects) == 1 and subjects[0][1] == 1 else 2
        total = sum(c for _, c in subjects)
        tint = None
        if not plain:
            c, k = LIGHT[TIMES[time]]
            tint = (rgb(c).astype(np.float32), k * .42)
        slots = {1: [.5], 2: [.27, .73], 3: [.2, .5, .8]}[total]
        described, todo = [], []
        for i, count in subjects:
            size = (rng.uniform(.58, .72) if mode == 0 else rng.uniform(.3, .62) if mode == 1 else
                    rng.uniform(.34, .48) if total == 2 else rng.uniform(.28, .34)) * SIZE
            home = where(i)
            for _ in range(count):
                a = self.subject(i, size * rng.uniform(.92, 1.08) if count > 1 else size)
                h, w = a.shape[:2]
                spread = .02 if mode == 0 else .26 if total == 1 else .03
                x = (slots.pop(0) + rng.uniform(-spread, spread)) * SIZE
                x = np.clip(x, w / 2 + 1, SIZE - w / 2 - 1)
                if mode == 0:
                    middle = .5 if plain else .45 if home == "sky" else .54
                    y = SIZE * (middle + rng.uniform(-.02, .02)) + h / 2
                elif plain:
                    y = SIZE * (.5 + rng.uniform(-.06, .06)) + h / 2
                    if mode == 1:
                        y += rng.uniform(-.16, .16) * SIZE
                elif home == "sky":
                    y = h + rng.uniform(.04, .16) * SIZE + (SIZE - h) * .15 * rng.random()
                else:
                    y = rng.uniform(max(.72, hz / SIZE + .12), .95) * SIZE
                y = np.clip(y, h + 1, SIZE - 2)
                todo.append((y, x, a, home))
            described.append((int(i), int(count), float(x / SIZE), float((y - h / 2) / SIZE), float(size / SIZE)))
        for y, x, a, home in sorted(todo, key=lambda q: q[0]):
            floats = not plain and wet and home != "sky"
            self.place(canvas, a, x, y, tint, floats, home != "sky" and not floats)
        return canvas, {**about, "subjects": described}

    def batch(self, count, **how):
        """`count` finished pictures as a (B,3,H,W) float tensor in 0..1, and their descriptions."""
        done = [self.compose(**how) for _ in range(count)]
        a = torch.from_numpy(np.stack([d[0] for d in done])).permute(0, 3, 1, 2).contiguous()
        return finish(a), [d[1] for d in done]


def sheet(batch, columns=8, gap=4):
    """A contact sheet of a (B,3,H,W) batch in 0..1."""
    b, _, h, w = batch.shape
    rows = (b + columns - 1) // columns
    out = Image.new("RGB", (columns * (w + gap) + gap, rows * (h + gap) + gap), (250, 248, 244))
    for i, a in enumerate((batch.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()):
        out.paste(Image.fromarray(a), (gap + i % columns * (w + gap), gap + i // columns * (h + gap)))
    return out


if __name__ == "__main__":
    import argparse
    parser = argparse.ArgumentParser(description="Write a contact sheet of composed pictures.")
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", default="scenes.png")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    sheet(Painter(o.work, seed=o.seed).batch(o.count)[0]).save(o.out)
