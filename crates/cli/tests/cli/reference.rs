//! `linnet verify` on the reference folder: LINNET_REFERENCE, or the one next to the workspace, or the part in
//! the repository.

use std::path::{Path, PathBuf};

use crate::fixture::{linnet, parts};

pub fn reference() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = workspace.join("../shared/reference");
    let found = || if beside.is_dir() { beside } else { workspace.join("tests/fixtures") };
    std::env::var_os("LINNET_REFERENCE").map_or_else(found, PathBuf::from)
}

#[test]
fn everything_that_needs_no_large_file_holds() {
    for part in ["chat", "dequant", "openai", "quants", "templates", "tiny", "tokenizers"] {
        let folder = reference().join(part);
        if !folder.is_dir() {
            println!("skipped: no {}", folder.display());
            continue;
        }
        let (status, stdout, stderr) = parts(&linnet(["verify".as_ref(), folder.as_os_str()]));
        let failed: Vec<&str> = stdout.lines().filter(|l| l.starts_with("FAIL")).collect();
        assert_eq!(status, Some(0), "{part}: {failed:#?} {stderr}");
        assert!(stdout.lines().any(|l| l.starts_with("ok ")), "{part}: nothing ran: {stdout}");
    }
}
