using System.Globalization;
using JitGrains.WaysTests.Fuzz;

if (args is not ["fuzz", .. var rest] || rest.Length % 2 != 0)
{
    Console.Error.WriteLine("Usage: ./sim fuzz [--minutes N] [--seed N]");
    return 2;
}

var options = rest.Chunk(2).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
if (options.Keys.Except(["--minutes", "--seed"], StringComparer.Ordinal).FirstOrDefault() is { } unknown)
{
    Console.Error.WriteLine($"There is no option {unknown}. There are --minutes and --seed.");
    return 2;
}

if (!double.TryParse(options.GetValueOrDefault("--minutes", "1"), CultureInfo.InvariantCulture, out var minutes) || minutes <= 0
    || !int.TryParse(options.GetValueOrDefault("--seed", Random.Shared.Next().ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture, out var seed))
{
    Console.Error.WriteLine("--minutes and --seed want a number.");
    return 2;
}

// What the gateways say of themselves as they start is of no use here.
var output = Console.Out;
Console.SetOut(TextWriter.Null);
return await FuzzRun.Go(TimeSpan.FromMinutes(minutes), seed, output) == 0 ? 0 : 1;
