# SPDX-License-Identifier: Apache-2.0
"""The subjects of the starter model: pictures of Noto Color Emoji and what people call them.

Every line of TABLE is `picture name|other name|...`.  The first name is the one prompts use most.
`WHERE` says where a painter would put a subject: in the sky, afloat, or (everything else) on the ground.
"""
import functools
import os
import subprocess

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TABLE = """
🐒 monkey|little monkey
🦍 gorilla|ape
🐶 dog face|dog|puppy
🐺 wolf face|wolf
🦊 fox face|fox
🦝 raccoon face|raccoon
🐱 cat face|kitten
🐈 cat|tabby cat
🦁 lion face|lion
🐯 tiger face|tiger
🐆 leopard
🐎 horse|galloping horse
🦄 unicorn|unicorn face
🦓 zebra
🦌 deer|stag
🐄 cow|dairy cow
🐷 pig face|pig
🐑 sheep|ewe
🐐 goat
🐪 camel|dromedary
🦙 llama|alpaca
🦒 giraffe
🐘 elephant
🦏 rhinoceros|rhino
🦛 hippopotamus|hippo
🐭 mouse face|mouse
🐹 hamster face|hamster
🐰 rabbit face|bunny
🐇 rabbit|hare
🐿 squirrel|chipmunk
🦔 hedgehog
🦇 bat|flying bat
🐻 bear face|bear
🐨 koala face|koala
🐼 panda face|panda
🦥 sloth
🦦 otter
🦘 kangaroo
🦃 turkey
🐓 rooster|cockerel
🐣 hatching chick
🐥 baby chick|chick
🐧 penguin
🕊 dove|white dove
🦅 eagle
🦆 duck|mallard
🦢 swan
🦉 owl
🦩 flamingo
🦚 peacock
🦜 parrot
🐸 frog face|frog
🐊 crocodile|alligator
🐢 turtle|tortoise
🦎 lizard|gecko
🐍 snake
🐉 dragon
🦕 sauropod|long-necked dinosaur
🦖 tyrannosaurus|t-rex
🐋 whale|blue whale
🐬 dolphin
🦭 seal
🐟 fish
🐠 tropical fish
🐡 blowfish|pufferfish
🦈 shark
🐙 octopus
🐚 spiral shell|seashell
🐌 snail
🦋 butterfly
🐛 caterpillar
🐝 honeybee|bee
🐞 ladybug|lady beetle
🕷 spider
🦂 scorpion
🦀 crab
🦞 lobster
🦐 shrimp
🦑 squid
💐 bouquet|bunch of flowers
🌸 cherry blossom|pink blossom
🌹 rose|red rose
🌺 hibiscus
🌻 sunflower
🌼 daisy|yellow blossom
🌷 tulip
🌱 seedling|sprout
🪴 potted plant|house plant
🌲 evergreen tree|fir tree|pine tree
🌳 deciduous tree|leafy tree|tree
🌴 palm tree|palm
🌵 cactus
🌾 sheaf of rice|ears of wheat
🍀 four leaf clover|clover
🍁 maple leaf
🍂 fallen leaves|autumn leaves
🌿 herb|green sprig
🍄 mushroom|toadstool
🍇 bunch of grapes|grapes
🍉 watermelon
🍊 tangerine|orange
🍋 lemon
🍌 banana
🍍 pineapple
🥭 mango
🍎 red apple|apple
🍏 green apple
🍐 pear
🍑 peach
🍒 cherries|pair of cherries
🍓 strawberry
🥝 kiwi fruit|kiwi
🍅 tomato
🥥 coconut
🥑 avocado
🍆 eggplant|aubergine
🥔 potato
🥕 carrot
🌽 ear of corn|corn cob
🌶 hot pepper|chili pepper
🥒 cucumber
🥦 broccoli
🧄 garlic
🧅 onion
🍞 loaf of bread|bread
🥐 croissant
🥖 baguette|french bread
🥨 pretzel
🥞 stack of pancakes|pancakes
🧇 waffle
🧀 cheese wedge|cheese
🍗 poultry leg|chicken leg
🍔 hamburger|burger
🍟 french fries|fries
🍕 pizza|slice of pizza
🌭 hot dog
🌮 taco
🥚 egg
🍳 fried egg|egg in a pan
🍿 popcorn|bucket of popcorn
🍜 steaming bowl|bowl of noodles
🍝 spaghetti|plate of pasta
🍣 sushi
🍦 soft ice cream|ice cream cone
🍩 doughnut|donut
🍪 cookie
🎂 birthday cake
🍰 shortcake|slice of cake
🧁 cupcake
🍫 chocolate bar|chocolate
🍬 candy|wrapped candy
🍭 lollipop
🍯 honey pot|pot of honey
☕ hot beverage|cup of coffee|cup of tea
🫖 teapot
🍷 wine glass|glass of red wine
🍹 tropical drink
🍺 beer mug|mug of beer
🏺 amphora|vase
🌍 globe|planet earth
🧭 compass
🗿 moai|stone head
🎈 balloon
🎁 wrapped gift|gift
🎀 ribbon|bow
🎃 jack-o-lantern|pumpkin
🎄 christmas tree
🏮 red paper lantern|lantern
🪁 kite
🔮 crystal ball
🎲 die|game die
🧸 teddy bear
🪆 nesting doll|matryoshka
🎨 artist palette|palette
🧶 ball of yarn|yarn
👓 glasses|pair of glasses
🕶 sunglasses
👔 necktie
👕 t-shirt|shirt
👖 jeans|trousers
👗 dress
👠 high-heeled shoe
👟 running shoe|sneaker
👢 boot
👑 crown
👒 straw hat|hat with a ribbon
🎩 top hat
🎓 graduation cap
👜 handbag
🎒 backpack
☂ umbrella
💍 ring
💎 gem stone|diamond
🔔 bell
🎤 microphone
🎧 headphones
📻 radio
🎷 saxophone
🪗 accordion
🎸 guitar
🎹 piano keys|musical keyboard
🎺 trumpet
🎻 violin
🪕 banjo
🥁 drum
☎ telephone
🔋 battery
💻 laptop
🎥 movie camera
📷 camera
📺 television
🔍 magnifying glass
🕯 candle
💡 light bulb
📖 open book
📕 red book|closed book
📚 stack of books|books
📜 scroll
💰 money bag
📦 package|cardboard box
📮 postbox
✏ pencil
🖌 paintbrush
✂ scissors
🔒 padlock
🔑 key
🔨 hammer
🪓 axe
⚔ crossed swords
🛡 shield
🏹 bow and arrow
⚙ gear|cogwheel
🧲 magnet
🔬 microscope
🔭 telescope
🚪 door
🪑 chair
🛋 couch and lamp|couch
🛁 bathtub
🧹 broom
⚓ anchor
⏰ alarm clock
⌛ hourglass
🏆 trophy
⚽ soccer ball
🏀 basketball
🎾 tennis ball
🎳 bowling pins
🥊 boxing glove
⛸ ice skate
🎯 dartboard|bullseye
🎱 billiard ball|pool ball
🚂 locomotive|steam train
🚌 bus
🚒 fire engine|fire truck
🚕 taxi|yellow cab
🚗 car|red car
🚚 delivery truck
🚜 tractor
🏎 racing car
🏍 motorcycle
🛵 motor scooter
🚲 bicycle|bike
🛹 skateboard
⛵ sailboat|sailing boat|boat
🛶 canoe
🚤 speedboat
🚢 ship
✈ airplane
🚁 helicopter
🚀 rocket
🛸 flying saucer|ufo
🚦 traffic light
🏠 house|little house
🏡 house with garden|cottage
🏰 castle
🏯 japanese castle|pagoda
🗼 tokyo tower|red tower
🗽 statue of liberty
⛪ church
🕌 mosque
⛩ shinto shrine|torii gate
⛺ tent
🎡 ferris wheel
🎠 carousel horse
🎪 circus tent
🏛 classical building|temple
🛖 hut
🏭 factory
⛲ fountain
☀ sun|bright sun
🌙 crescent moon
🌕 full moon|moon
⭐ star|yellow star
☁ cloud
🌈 rainbow
❄ snowflake
⛄ snowman
🔥 fire|flame
💧 droplet|drop of water
🌊 wave|great wave
⚡ lightning bolt
🪐 ringed planet|saturn
☄ comet
🌋 volcano
🗻 mount fuji
🌪 tornado
😀 grinning face|happy face
😎 smiling face with sunglasses
😍 smiling face with heart-eyes
😭 crying face
😡 angry face
👻 ghost
👽 alien
🤖 robot
💀 skull
🤡 clown face|clown
🎅 santa claus
🧚 fairy
❤ red heart|heart
👀 pair of eyes|eyes
"""

WHERE = {
    "sky": "🦇🕊🦅🦋🐝🎈🪁☀🌞🌙🌕⭐☁🌈❄⚡🪐☄🛸🛰🚁✈🚀🌍🐉🧚👻",
    "water": "🦆🦢🐳🐋🐬🦭🐟🐠🐡🦈🐙🐊🐢🦦🛶⛵🚤🚢🦩🧜🦛🦑🌊🐸",
    "plural": "🍒🍂🍟🎹🎳⚔👓🕶👖🎧✂",
}


def _parse():
    rows = []
    for line in TABLE.strip().splitlines():
        picture, names = line.split(" ", 1)
        rows.append((picture, names.split("|")))
    return rows


SUBJECTS = _parse()
PICTURES = [p for p, _ in SUBJECTS]
NAMES = [n for _, n in SUBJECTS]
INDEX = {name: i for i, names in enumerate(NAMES) for name in names}


def where(i):
    """`sky`, `water` or `land`: the natural place of subject i in a landscape."""
    for place in ("sky", "water"):
        if PICTURES[i] in WHERE[place]:
            return place
    return "land"


@functools.lru_cache(None)
def font_path():
    """The colour font's file: what STARTER_FONT says, else asked of fontconfig."""
    return os.environ.get("STARTER_FONT") or subprocess.check_output(["fc-match", "-f", "%{file}", "Noto Color Emoji"], text=True)


def sprite(i):
    """Subject i as an RGBA picture cropped to what is painted (about 128 pixels)."""
    font = ImageFont.truetype(font_path(), 109)
    image = Image.new("RGBA", (176, 176), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((16, 20), PICTURES[i], font=font, embedded_color=True)
    return image.crop(image.getbbox())


ODD = "🦏🐱🐈🦁⚙🔬⚓❄☄📺🛋🚢🌪🗻🤖👀🥑🐠💰⌛🎷🎺⚔🚀🐍👻💀"  # a colour word would mislead

COLOURS = {  # name: hue range in degrees, for pixels that are neither grey nor dark
    "red": (345, 15), "orange": (15, 40), "yellow": (40, 66), "green": (66, 165), "blue": (165, 255),
    "purple": (255, 300), "pink": (300, 345),
}


@functools.lru_cache(None)
def colour(i):
    """The one colour word that fits subject i, or None when it has several."""
    a = np.asarray(sprite(i)).astype(float) / 255
    rgb, alpha = a[..., :3][a[..., 3] > .5], a[..., 3][a[..., 3] > .5]
    high, low = rgb.max(1), rgb.min(1)
    chroma = high - low
    hue = np.zeros(len(rgb))
    r, g, b = rgb.T
    ok = chroma > 1e-6
    c = np.where(ok, chroma, 1)
    hue = np.where(high == r, ((g - b) / c) % 6, np.where(high == g, (b - r) / c + 2, (r - g) / c + 4)) * 60
    votes = {}
    grey = (chroma < .18)
    votes["white"] = (grey & (high > .78)).mean()
    votes["grey"] = (grey & (high <= .78) & (high > .38)).mean()
    votes["black"] = (high <= .30).mean()
    vivid = ~grey & (high > .30)
    brown = vivid & (hue >= 10) & (hue < 45) & (high < .72)
    votes["brown"] = brown.mean()
    for name, (lo, hi) in COLOURS.items():
        inside = (hue >= lo) & (hue < hi) if lo < hi else (hue >= lo) | (hue < hi)
        votes[name] = (vivid & ~brown & inside).mean()
    best = max(votes, key=votes.get)
    plain = best in ("white", "red", "green", "blue", "yellow", "purple", "pink", "black") and PICTURES[i] not in ODD
    return best if votes[best] > .62 and len(alpha) and plain else None


if __name__ == "__main__":
    print(len(SUBJECTS), "subjects")
    for i, names in enumerate(NAMES):
        print(PICTURES[i], names, where(i), colour(i))
