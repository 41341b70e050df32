//! `hardtack accounts list`.

use crate::outcome::{Outcome, say};
use crate::table::table;
use hardtack::backend::accounts::Listed;
use hardtack::backend::registry::Registry;
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Lists at most N accounts.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: u32,
    /// Prints a JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints the accounts.
pub(crate) async fn run(registry: &Registry, arguments: Arguments) -> Outcome {
    let Arguments { limit, json } = arguments;
    let accounts = registry.list(limit).await?;
    let document = json!({ "accounts": accounts.iter().map(document).collect::<Vec<_>>() });
    say(json, &document, || match &accounts[..] {
        [] => "No accounts.".to_owned(),
        accounts => table(["ID", "ADDRESS", "NAME", "CREATED", "CLOSED"], accounts.iter().map(row)),
    })
}

fn row(account: &Listed) -> [String; 5] {
    let closed = account.closed.map_or_else(|| "-".to_owned(), |moment| moment.to_string());
    let profile = account.profile.clone();
    [account.id.clone(), profile.username, profile.name, account.created.to_string(), closed]
}

fn document(account: &Listed) -> Value {
    json!({
        "id": account.id,
        "username": account.profile.username,
        "name": account.profile.name,
        "created": account.created.to_string(),
        "closed": account.closed.map(|moment| moment.to_string()),
    })
}
