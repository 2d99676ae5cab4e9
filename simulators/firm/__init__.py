"""The one firm that all simulated vendors describe: model, generator, the mess of life, the truth, a day of life."""
