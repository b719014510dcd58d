"""Label Studio, over its API (docs/stores.md): no guard and no history, so that its guarantees are weaker."""
