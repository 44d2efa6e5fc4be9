//! `linnet verify` on the reference folder, where there is one: in LINNET_REFERENCE, else beside the workspace.

use std::path::{Path, PathBuf};

use crate::fixture::{linnet, parts};

fn reference() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let folder = std::env::var_os("LINNET_REFERENCE")
        .map_or_else(|| workspace.join("../shared/reference"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn everything_that_needs_no_large_file_holds() {
    let Some(reference) = reference() else {
        println!("skipped: no reference folder");
        return;
    };
    for part in ["dequant", "quants", "templates", "tiny", "tokenizers"] {
        let folder = reference.join(part);
        let (status, stdout, stderr) = parts(&linnet(["verify".as_ref(), folder.as_os_str()]));
        let failed: Vec<&str> = stdout.lines().filter(|l| l.starts_with("FAIL")).collect();
        assert_eq!(status, Some(0), "{part}: {failed:#?} {stderr}");
        assert!(stdout.lines().any(|l| l.starts_with("ok ")), "{part}: nothing ran: {stdout}");
    }
}
