"""The weights of search results, without a browser."""

from docutils import nodes

from book._ext import search_ranking


def stems(text):
    return text.lower().split()


def test_a_title_and_the_first_paragraph_count_more_and_lists_count_less():
    pages = {
        "titled": [("softmax", search_ranking.TITLE), ("layers", 1)],
        "told": [("layers", search_ranking.TITLE), ("softmax", 1)],
        "list": [("softmax", search_ranking.TITLE), ("layers", 1)],
    }
    found = search_ranking.weights(pages, stems, lists={"list"})
    assert found["softmax"]["titled"] > found["softmax"]["told"]
    assert abs(found["softmax"]["list"] - search_ranking.LISTS * found["softmax"]["titled"]) <= 1


def test_a_rare_word_counts_more_and_a_longer_page_less():
    pages = {"a": [("rare common", 1)], "b": [("common", 1)], "c": [("common " + "other " * 50, 1)]}
    found = search_ranking.weights(pages, stems)
    assert found["rare"]["a"] > found["common"]["a"]
    assert found["common"]["b"] > found["common"]["c"]


def test_only_the_heaviest_pages_are_kept():
    pages = {str(i): [("word " * (i + 1), 1)] for i in range(20)}
    kept = search_ranking.weights(pages, stems)["word"]
    assert set(kept) == {str(i) for i in range(20 - search_ranking.PAGES, 20)}


def test_the_prose_of_a_page_is_its_titles_and_paragraphs_without_code():
    page = nodes.section(
        "",
        nodes.title("", "T"),
        nodes.paragraph("", "First."),
        nodes.literal_block("", "code"),
        nodes.paragraph("", "More."),
    )
    page += nodes.section("", nodes.title("", "Part"))
    assert search_ranking.texts(page) == [
        ("T", search_ranking.TITLE),
        ("Part", search_ranking.SECTION),
        ("First.", search_ranking.OPENING),
        ("More.", 1),
    ]
