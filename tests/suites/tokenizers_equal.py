#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our tokenizers with the library `tokenizers` (pip install tokenizers): for several
tokenizer.json that either side has trained, the ids of seeded random strings and what becomes of
these ids again. Also that training byte-level BPE gives the same tokens and merges on both sides,
and that a file that we write is the file that the library writes.

--store writes small files and cases to tests/data/tokenizers, which a test of every build reads."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# What the library's own tables of categories, older than ours, do not know or know otherwise:
# their version is Unicode 8 to 13, by the part. Strings have code points that both have.
PLANES = (
    [(0x20, 0x7E)] * 6
    + [(0, 0x1F), (0x80, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF)]
    + [(0x400, 0x4FF), (0x530, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F)]
    + [(0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x20A0, 0x214F), (0x2460, 0x24FF)]
    + [(0x2580, 0x27BF), (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0xF900, 0xFAFF)]
    + [(0xFB00, 0xFB4F), (0xFE00, 0xFFFD), (0x10000, 0x100FF), (0x1D400, 0x1D7FF)]
    + [(0x1F300, 0x1F64F), (0x20000, 0x200FF), (0xE000, 0xE0FF)]
)
WORDS = "the And LORD said, unto Moses' 's don't I'll 1234 3.14 œuvre Straße ﬁn İstanbul ΣΑΣ １２３ é é".split()


def known(code):
    """Assigned since long enough for every table."""
    character = chr(code)
    return unicodedata.category(character) != "Cs" and (
        unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)
        and unicodedata.category(character) != "Cn"
    )


def strings(seed, count):
    """Words, spaces and code points of all planes, between 0 and some 60 of them."""
    draw = random.Random(seed)
    pools = [[c for c in range(low, high + 1) if known(c)] for low, high in PLANES]
    pools = [pool for pool in pools if pool]
    for _ in range(count):
        parts = []
        pool = draw.choice(pools)
        for _ in range(draw.randrange(12)):
            kind = draw.random()
            if kind < 0.3:
                parts.append(draw.choice(WORDS))
            elif kind < 0.5:
                parts.append(draw.choice([" ", "  ", "\n", "\t", "\r\n", " \n ", "\u00a0", "\u3000", "▁"]))
            else:
                pool = draw.choice(pools) if draw.random() < 0.5 else pool
                parts.append("".join(chr(draw.choice(pool)) for _ in range(draw.randrange(1, 6))))
        yield "".join(parts)


def byte_level(vocabulary, prefix_space=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return tokenizer, trainer


def roberta(vocabulary):
    tokenizer, trainer = byte_level(vocabulary, True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer, trainer


def cl100k(vocabulary):
    tokenizer, trainer = byte_level(vocabulary)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CL100K), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer, trainer


def bert(vocabulary):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, min_frequency=2, limit_alphabet=300, special_tokens=special, show_progress=False
    )
    return tokenizer, trainer


def llama(vocabulary, metaspace=False):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tail = [decoders.ByteFallback(), decoders.Fuse()]
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.decoder = decoders.Sequence(tail[:1] + [decoders.Metaspace(prepend_scheme="first")])
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " ")] + tail + [decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        limit_alphabet=200,
        special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
    )
    return tokenizer, trainer


def many_parts(vocabulary):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Strip(),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation("merged_with_next"),
        ]
    )
    tokenizer.decoder = decoders.BPEDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        limit_alphabet=150,
        special_tokens=["<unk>"],
        continuing_subword_prefix="##",
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    return tokenizer, trainer


def word_level(vocabulary):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.Split("a", "merged_with_previous"),
        ]
    )
    trainer = trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=["[UNK]"], show_progress=False)
    return tokenizer, trainer


MAKERS = {
    "byte_level": byte_level,
    "roberta": roberta,
    "cl100k": cl100k,
    "bert": bert,
    "llama": llama,
    "metaspace": lambda vocabulary: llama(vocabulary, True),
    "many_parts": many_parts,
    "word_level": word_level,
}


def trained(name, vocabulary, texts):
    tokenizer, trainer = MAKERS[name](vocabulary)
    tokenizer.train_from_iterator(texts, trainer)
    if name == "roberta":  # tokens that are found in the text, of each kind
        tokenizer.add_special_tokens(["<s>", "</s>", tokenizers.AddedToken("<mask>", lstrip=True, special=True)])
        tokenizer.add_tokens([tokenizers.AddedToken("LORD", single_word=True), tokenizers.AddedToken("é", rstrip=True)])
    if name in ("llama", "metaspace"):  # bytes are tokens that a text cannot name
        document = json.loads(tokenizer.to_str())
        document["added_tokens"] = document["added_tokens"][:3]
        tokenizer = Tokenizer.from_str(json.dumps(document))
    return tokenizer


def run(program, *arguments):
    done = subprocess.run([program, "data", "tokenizer", *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def ours(program, path, lines, framed):
    arguments = ["encode", path, "--input", lines, "--json"] + (["--framed"] if framed else [])
    return run(program, *arguments)


def compare(program, folder, name, tokenizer, texts, lines):
    """The number of strings that differ; the first few are shown."""
    path = os.path.join(folder, name + ".json")
    tokenizer.save(path)
    wrong = 0
    for framed in (False, True):
        for text, mine in zip(texts, ours(program, path, lines, framed)):
            ids = tokenizer.encode(text, add_special_tokens=framed).ids
            decoded = tokenizer.decode(ids)
            if mine["ids"] == ids and mine["text"] == decoded:
                continue
            wrong += 1
            if wrong <= 3:
                print(f"  {text!r}: ids {mine['ids']}, expected {ids}; text {mine['text']!r}, expected {decoded!r}")
    print(f"{name}: {len(texts)} strings, {wrong} differ", flush=True)
    return wrong


def compare_training(program, folder, corpus, vocabulary):
    """The same texts, size and least count: byte-level BPE is the same to the last merge."""
    tokenizer, trainer = byte_level(vocabulary)
    tokenizer.train([corpus], trainer)
    path = os.path.join(folder, "ours.json")
    run(program, "train", corpus, "--vocabulary", str(vocabulary), "--output", path, "--json")
    mine = json.load(open(path, encoding="utf-8"))["model"]
    theirs = json.loads(tokenizer.to_str())["model"]
    wrong = int(mine["vocab"] != theirs["vocab"]) + int(mine["merges"] != theirs["merges"])
    print(f"training of {len(mine['vocab'])} tokens: {'differs' if wrong else 'equal'}", flush=True)
    written = open(path, encoding="utf-8").read()
    resaved = Tokenizer.from_file(path).to_str(pretty=True)
    if written != resaved:
        print("the file that we wrote is not the one that the library writes")
        wrong += 1
    return wrong


def store(folder, names, texts):
    os.makedirs(folder, exist_ok=True)
    for name, tokenizer in names.items():
        tokenizer.save(os.path.join(folder, name + ".json"))
        cases = []
        for text in texts:
            ids = tokenizer.encode(text, add_special_tokens=True).ids
            cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids)})
        with open(os.path.join(folder, name + ".cases.jsonl"), "w", encoding="utf-8") as stream:
            for case in cases:
                stream.write(json.dumps(case) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the program `gradus`")
    parser.add_argument("--corpus", default="data/cache/kjv/val.txt", help="a text to train on")
    parser.add_argument("--strings", type=int, default=100000)
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one of " + ", ".join(MAKERS))
    parser.add_argument("--store", help="write small tokenizers and cases to this folder instead")
    arguments = parser.parse_args()
    corpus = open(arguments.corpus, encoding="utf-8").read().splitlines(keepends=True)
    foreign = list(strings(arguments.seed + 1, 3000))
    texts = list(strings(arguments.seed, arguments.strings))
    names = [arguments.only] if arguments.only else list(MAKERS)
    if arguments.store:
        small = {name: trained(name, 700, corpus[:300] + foreign[:300]) for name in names}
        store(arguments.store, small, texts[:150])
        return 0
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "strings.jsonl")
        with open(lines, "w", encoding="utf-8") as stream:
            for text in texts:
                stream.write(json.dumps({"text": text}) + "\n")
        for name in names:
            tokenizer = trained(name, arguments.vocabulary, corpus + foreign)
            wrong += compare(arguments.program, folder, name, tokenizer, texts, lines)
        wrong += compare_training(arguments.program, folder, arguments.corpus, arguments.vocabulary)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
