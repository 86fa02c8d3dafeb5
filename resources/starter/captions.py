# SPDX-License-Identifier: Apache-2.0
"""Captions for composed pictures, in varied wording, and the marks a caption leaves in what it says.

`caption(what, rng)` writes one for a picture's description and returns (text, said): `said` lists what the
words state and `phrases`, the words for each subject: the goals of the text encoder's training.  `held_out` keeps one in sixteen pairs of a
subject and a setting out of all training pictures: the test prompts come from those.
"""
import os
import zlib

import numpy as np

from scenes import GROUNDS, PLACES, SEASONS, TIMES, WATER
from subjects import NAMES, PICTURES, WHERE, colour, where

GROUND_NAMES = list(GROUNDS)

TIME_WORDS = {
    "dawn": ["at dawn", "at sunrise", "in the early morning", "in soft morning light", "at daybreak"],
    "day": ["by day", "at noon", "under a blue sky", "in bright daylight", "on a bright day", "in the afternoon"],
    "dusk": ["at dusk", "at sunset", "in the evening", "in golden evening light", "at twilight"],
    "night": ["at night", "under the stars", "on a dark night", "by night", "on a starry night", "at midnight"],
}
SEASON_WORDS = {
    "spring": ["in spring", "in springtime"], "summer": ["in summer", "in summertime"],
    "autumn": ["in autumn", "in fall"], "winter": ["in winter", "in the snow"],
}
SEASON_ADJECTIVES = {
    "spring": ["spring", "blossoming", "fresh green"], "summer": ["summer", "green", "lush green"],
    "autumn": ["autumn", "golden autumn", "orange autumn"], "winter": ["snowy", "winter", "snow-covered", "white snowy"],
}
TIME_ADJECTIVES = {"dawn": ["misty morning"], "day": ["sunny", "bright"], "dusk": ["sunset", "evening"],
                   "night": ["dark", "starry", "moonlit"]}
PLACE_WORDS = {  # before the adjective, after it
    "lake": [("on a", "lake"), ("by a", "lake"), ("at a", "lake"), ("on a", "pond")],
    "sea": [("on the", "sea"), ("by the", "sea"), ("on the", "ocean"), ("in the", "sea")],
    "river": [("by a", "river"), ("on a", "river"), ("at a", "stream")],
    "hills": [("on a", "hill"), ("on the", "hills"), ("in the", "hills"), ("in a", "hilly landscape")],
    "field": [("in a", "field"), ("on a", "field"), ("in a", "meadow"), ("on a", "meadow")],
    "mountains": [("in the", "mountains"), ("before the", "mountains"), ("in a", "mountain valley")],
    "forest": [("in a", "forest"), ("by the", "woods"), ("in the", "forest"), ("at the edge of a", "forest")],
}
TAGS = {"lake": ["lake"], "sea": ["sea", "ocean"], "river": ["river"], "hills": ["hills", "hill"],
        "field": ["field", "meadow"], "mountains": ["mountains"], "forest": ["forest", "woods"]}
GROUND_WORDS = ["on a {} background", "on {}", "on a {} ground", "in front of a {} wall", "before a {} background",
                "on a plain {} background"]
OPENINGS = ["a painting of {}", "a picture of {}", "an oil painting of {}", "a painted scene: {}", "{}, painted",
            "{}, oil painting", "a landscape with {}", "a small painting of {}"]
NUMBERS = {2: ["two", "two", "a pair of", "2"], 3: ["three", "three", "3"]}
UNIQUE = {"sun", "bright sun", "moon", "full moon", "crescent moon", "mount fuji", "statue of liberty", "tokyo tower",
          "santa claus", "planet earth"}
MASS = {"popcorn", "bread", "broccoli", "garlic", "lettuce", "cheese", "chocolate", "spaghetti", "sushi", "french bread",
        "yarn", "fire", "grapes", "pancakes", "fries", "french fries", "jeans", "trousers", "glasses", "sunglasses",
        "headphones", "scissors", "piano keys", "bowling pins", "crossed swords", "cherries", "eyes", "books",
        "fallen leaves", "autumn leaves", "ears of wheat", "peanuts", "lightning"}
IRREGULAR = {"mouse": "mice", "sheep": "sheep", "fish": "fish", "tropical fish": "tropical fish", "deer": "deer",
             "squid": "squid", "shrimp": "shrimp", "wolf": "wolves", "loaf of bread": "loaves of bread",
             "die": "dice", "game die": "dice", "cactus": "cacti", "octopus": "octopuses", "goose": "geese",
             "maple leaf": "maple leaves", "palm": "palms", "bunch of grapes": "bunches of grapes",
             "ear of corn": "ears of corn", "slice of cake": "slices of cake", "slice of pizza": "slices of pizza",
             "cup of coffee": "cups of coffee", "cup of tea": "cups of tea", "mug of beer": "mugs of beer",
             "bowl of noodles": "bowls of noodles", "pot of honey": "pots of honey", "ball of yarn": "balls of yarn",
             "glass of red wine": "glasses of red wine", "drop of water": "drops of water",
             "house with garden": "houses with gardens", "bow and arrow": "bows and arrows"}


def keywords():
    """CLDR's keywords of every subject."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "keywords.txt"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split(" ", 1) for line in f]
    table = {p: [w for w in words.split("|") if w] for p, words in rows}
    return [table.get(p, []) for p in PICTURES]


KEYWORDS = keywords()


def setting_key(what):
    """What tells one setting from another: a colour, or time, season and place."""
    if what["plain"]:
        return "ground", GROUND_NAMES[what["place"]]
    place = PLACES[what["place"]]
    return TIMES[what["time"]], "any" if place == "sea" else SEASONS[what["season"]], place


def held_out(subject, key):
    """Whether this subject is never painted in this setting in training."""
    return zlib.crc32((PICTURES[subject] + "/" + "/".join(key)).encode()) % 16 == 0


def article(phrase):
    return ("an " if phrase[0] in "aeiou" and not phrase.startswith(("uni", "eu", "ufo", "one")) else "a ") + phrase


def plural(name):
    if name in IRREGULAR:
        return IRREGULAR[name]
    if name in MASS:
        return name
    head, of, tail = name.partition(" of ")
    if of:
        return plural(head) + of + tail
    head, with_, tail = name.partition(" with ")
    if with_:
        return plural(head) + with_ + tail
    last = name.split()[-1]
    if last in IRREGULAR and last != name:
        return name[:-len(last)] + IRREGULAR[last]
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    if name.endswith(("s", "x", "ch", "sh")) or name in ("tomato", "potato", "mango", "volcano", "tornado", "buffalo"):
        return name + "es"
    return name + "s"


def subject_phrase(i, count, size, x, rng, said, detail):
    """`a white swan`, `two boats`, `the moon`."""
    name = NAMES[i][0] if rng.random() < .5 else NAMES[i][rng.integers(len(NAMES[i]))]
    words = name
    c = colour(i)
    if detail and c and c not in name and rng.random() < .30:
        words = c + " " + words
        said["colour"] = c
    big = None
    if detail and count == 1 and rng.random() < .22:
        big = "big" if size > .62 else "small" if size < .38 else None
        if big:
            words = (rng.choice(["big", "large"]) if big == "big" else rng.choice(["small", "little"])) + " " + words
            said["size"] = ["small", "big"].index(big)
    said["subjects"].append(i)
    if count > 1:
        said["count"] = count
        many = plural(name)
        if words != name:
            many = words[:len(words) - len(name)] + many
        return rng.choice(NUMBERS[count]) + " " + many
    if name in MASS or PICTURES[i] in WHERE["plural"] and name == plural(name):
        return words
    if name in UNIQUE:
        return "the " + words if name not in ("santa claus", "mount fuji") else words
    u = rng.random()
    if u < .06:
        return words
    if u < .11:
        return "the " + words
    return article(words)


def setting_phrase(what, rng, said, full=False):
    """`on a snowy hill at dusk`, `on a blue background`."""
    if what["plain"]:
        name = GROUND_NAMES[what["place"]]
        said["ground"] = what["place"]
        text = GROUND_WORDS[0 if rng.random() < .5 else rng.integers(len(GROUND_WORDS))]
        return text.format(name).replace("a orange", "an orange")
    time, season, place = TIMES[what["time"]], SEASONS[what["season"]], PLACES[what["place"]]
    tell_time = full or rng.random() < .75
    tell_season = place != "sea" and (full or rng.random() < .62)
    tell_place = full or rng.random() < .85
    adjective, tail = "", []
    early = tell_season and tell_place and rng.random() < .6
    if early:
        adjective = rng.choice(SEASON_ADJECTIVES[season]) + " "
    elif tell_season:
        tail.append(rng.choice(SEASON_WORDS[season]))
    if tell_time:
        if tell_place and not early and rng.random() < .15:
            adjective = rng.choice(TIME_ADJECTIVES[time]) + " "
        else:
            tail.append(rng.choice(TIME_WORDS[time]))
    parts = []
    if tell_place:
        if place in WATER and not full and rng.random() < .12:
            parts.append("on the water")
            said["water"] = 1
        else:
            options = PLACE_WORDS[place]
            before, noun = options[0] if rng.random() < .35 else options[rng.integers(len(options))]
            if before.endswith(" a") and adjective and adjective[0] in "aeiou":
                before += "n"
            parts.append(f"{before} {adjective}{noun}")
            said["place"] = what["place"]
            said["water"] = int(place in WATER)
    if rng.random() < .5:
        tail.reverse()
    parts += tail
    if tell_time:
        said["time"] = what["time"]
    if tell_season:
        said["season"] = what["season"]
    return " ".join(parts)


def tags(what, rng, said):
    """The comma style: `swan, lake, dusk, autumn`."""
    out = []
    for i, count, *_ in what["subjects"]:
        said["subjects"].append(i)
        name = NAMES[i][0] if rng.random() < .6 else NAMES[i][rng.integers(len(NAMES[i]))]
        if count > 1:
            said["count"] = count
            name = NUMBERS[count][0] + " " + plural(name)
        out.append(name)
        said["phrases"].append(name)
        if KEYWORDS[i] and rng.random() < .35:
            out.append(KEYWORDS[i][rng.integers(len(KEYWORDS[i]))])
        if colour(i) and rng.random() < .15:
            out.append(colour(i))
    if what["plain"]:
        said["ground"] = what["place"]
        out.append(GROUND_NAMES[what["place"]] + rng.choice([" background", " background", " ground"]))
        return ", ".join(out)
    time, season, place = TIMES[what["time"]], SEASONS[what["season"]], PLACES[what["place"]]
    extra = []
    if rng.random() < .8:
        extra.append(TAGS[place][rng.integers(len(TAGS[place]))])
        said["place"], said["water"] = what["place"], int(place in WATER)
    if rng.random() < .75:
        extra.append({"dawn": rng.choice(["dawn", "sunrise", "morning light"]), "day": rng.choice(["day", "daylight", "noon"]),
                      "dusk": rng.choice(["dusk", "sunset", "evening"]),
                      "night": rng.choice(["night", "stars", "dark night"])}[time])
        said["time"] = what["time"]
    if place != "sea" and rng.random() < .6:
        extra.append({"winter": rng.choice(["winter", "snow", "snowy"])}.get(season, season))
        said["season"] = what["season"]
    rng.shuffle(extra)
    return ", ".join(out + extra)


def caption(what, rng, full=False):
    """One caption of a picture and what it states. `full` states everything, plainly (for test prompts)."""
    said = {"subjects": [], "phrases": []}
    if not full and rng.random() < .14:
        return tags(what, rng, said), said
    subjects = what["subjects"]
    phrases = [subject_phrase(i, c, size, x, rng, said, not full) for i, c, x, _, size in subjects]
    said["phrases"] = list(phrases)
    if len(subjects) == 1 and subjects[0][1] == 1 and not full and rng.random() < .12:
        x = subjects[0][2]
        if x < .38 or x > .62:
            said["side"] = int(x > .62)
            phrases[0] += " on the " + ("right" if x > .62 else "left")
    if len(phrases) == 1:
        text = phrases[0]
    elif len(phrases) == 2:
        join = " and " if rng.random() < .7 else rng.choice([" with ", " next to ", " beside "])
        text = phrases[0] + join + phrases[1]
    else:
        text = f"{phrases[0]}, {phrases[1]} and {phrases[2]}"
    tell = full or rng.random() < .92
    setting = setting_phrase(what, rng, said, full) if tell else ""
    if setting:
        text = f"{text} {setting}" if rng.random() < .9 else f"{setting}, {text}"
    if not full and rng.random() < .16:
        opening = OPENINGS[rng.integers(len(OPENINGS))]
        if not ("landscape" in opening and what["plain"]):
            text = opening.format(text)
    return text, said


def imagine(rng):
    """A description without a picture, for training the text encoder on words alone."""
    plain = bool(rng.random() < .36)
    place = int(rng.integers(len(GROUND_NAMES) if plain else len(PLACES)))
    u = rng.random()
    n = 1 if u < .68 else 2 if u < .92 else 3
    subjects = [(int(rng.integers(len(PICTURES))), 1, float(rng.random()), .5, float(rng.uniform(.3, .8))) for _ in range(n)]
    if n == 1 and rng.random() < .15:
        subjects = [(subjects[0][0], int(rng.integers(2, 4)), .5, .5, .4)]
    return {"plain": plain, "time": int(rng.integers(4)), "season": int(rng.integers(4)), "place": place, "subjects": subjects}


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    for _ in range(40):
        print(caption(imagine(generator), generator)[0])
