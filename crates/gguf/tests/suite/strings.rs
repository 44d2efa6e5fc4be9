//! Arrays of strings.

use linnet_gguf::Strings;

#[test]
fn strings_keep_their_order() {
    let strings = Strings::from_iter(["a", "", "über", "z"]);
    assert_eq!((strings.len(), strings.is_empty()), (4, false));
    assert_eq!(strings.iter().collect::<Vec<_>>(), ["a", "", "über", "z"]);
    assert_eq!([0, 1, 2, 4].map(|index| strings.get(index)), [Some("a"), Some(""), Some("über"), None]);
    assert_eq!(format!("{strings:?}"), r#"["a", "", "über", "z"]"#);
    assert!(Strings::default().is_empty() && Strings::default().get(0).is_none());
    assert_ne!(
        Strings::from_iter(["ab", "c"]),
        Strings::from_iter(["a", "bc"]),
        "the same text, cut elsewhere"
    );
}
