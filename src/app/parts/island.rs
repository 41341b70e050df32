//! Islands as the server writes them: each with a digest of the structure that hydration relies on.
//!
//! Hydration finds an island's elements by their order. Extensions, translators and proxies insert elements and remove
//! comments; hydration would then take one element for another, or panic. So the server adds a digest of the structure,
//! and `server/loader.js` does not hydrate an island whose structure has changed. The forms of that island post, as
//! before.

use leptos::prelude::*;
use leptos::tachys::html::InertElement;

/// The tag that Leptos gives an island.
const TAG: &str = "<leptos-island";
const END: &str = "</leptos-island>";

/// Elements without an end tag.
const VOID: [&str; 4] = ["br", "hr", "img", "input"];

/// Renders an island for a page, with the digest of its structure.
///
/// `server/loader.js` hydrates no island without the digest.
pub fn island(island: impl IntoView) -> AnyView {
    let mut html = island.to_html();
    // The first `>` ends the tag, because Leptos writes `&gt;` in the values of attributes.
    let inside = html.strip_suffix(END).and_then(|html| html.split_once('>')).map_or("", |(_, inside)| inside);
    if html.starts_with(TAG) {
        let shape = format!(" data-shape=\"{:x}\"", digest(inside));
        html.insert_str(TAG.len(), &shape);
    }
    InertElement::new(html).into_any()
}

/// Returns the digest of a structure: element names, texts and comments, in their order. `server/loader.js` computes
/// the same from the DOM of the page.
fn digest(html: &str) -> u32 {
    let mut sum = 0_u32;
    let mut add = |shape: &str| {
        sum = shape.bytes().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    };
    let mut rest = html;
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            add("t");
            rest = &rest[rest.find('<').unwrap_or(rest.len())..];
            continue;
        };
        let end = if tag.starts_with("!--") { "-->" } else { ">" };
        let (tag, behind) = tag.split_once(end).unwrap_or((tag, ""));
        let name = tag.split(' ').next().unwrap_or_default();
        match tag.as_bytes() {
            [b'!', ..] | [] => add("c"),
            [b'/', ..] => add(">"),
            _ => {
                add("<");
                add(name);
                if VOID.contains(&name) {
                    add(">");
                }
            }
        }
        rest = behind;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the digest as `server/loader.js` computes it.
    fn sum(shape: &str) -> u32 {
        shape.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    }

    #[test]
    fn a_shape_is_elements_texts_and_comments_in_their_order() {
        let html =
            r#"<form class="a b" method="post">One<!>two<input name="x" value="1 &lt; 2"><p><!-- y --></p></form>"#;
        assert_eq!(digest(html), sum("<formtct<input><pc>>"));
        assert_eq!(digest("<p> </p>"), sum("<pt>"));
        assert_eq!(digest("<p></p>"), sum("<p>"));
        assert_eq!(digest(""), 0);
    }
}
