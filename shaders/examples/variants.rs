//! Prints every kernel variant, as a browser gets it, as one JSON object of names and WGSL texts.

fn main() -> Result<(), serde_json::Error> {
    let variants: std::collections::BTreeMap<String, String> =
        linnet_shaders::all_variants().into_iter().collect();
    println!("{}", serde_json::to_string(&variants)?);
    Ok(())
}
