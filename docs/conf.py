"""How Sphinx builds the site: ``make docs``. Nothing is fetched while it does."""

import os

# Before anything imports matplotlib: examples draw to files.
os.environ.setdefault("MPLBACKEND", "agg")

import skae

project = "skae"
author = "The skae developers"
copyright = author
version = release = skae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "code"
toc_object_entries_show_parents = "hide"

# Names of skae that lead nowhere are errors; those of others are links where we know the address
# (below) and plain code otherwise.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!skae\b).*")]

autodoc_default_options = {
    "members": True,
    "exclude-members": "set_fit_request,set_partial_fit_request,set_score_request,"
    "set_transform_request,set_inverse_transform_request",
    "member-order": "bysource",
}
autodoc_mock_imports = ["onnx", "skl2onnx"]
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_use_plots = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": r"(^|/)(demo|_\w+)\.py",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "backreferences_dir": "api/examples",
    "doc_module": ("skae",),
    "reference_url": {"skae": None},
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 1,
}

html_theme = "pydata_sphinx_theme"
html_title = "skae"
html_favicon = "_static/skae.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"image_light": "_static/skae.svg", "image_dark": "_static/skae.svg", "text": "skae"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_prev_next": True,
    "header_links_before_dropdown": 6,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}


def link_elsewhere(app, env, node, contnode):
    """Return a link to scikit-learn's page of a class or function; its inventory is not needed."""
    target = node.get("reftarget", "")
    kind = node.get("reftype")
    if not target.startswith("sklearn.") or kind not in ("class", "func", "obj"):
        return None
    from docutils import nodes

    address = f"https://scikit-learn.org/stable/modules/generated/{target}.html"
    return nodes.reference("", "", contnode, internal=False, refuri=address)


def setup(app):
    """Connect the above."""
    app.connect("missing-reference", link_elsewhere)
