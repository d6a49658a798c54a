using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using JitGrains.IdentityTests.Hostile;
using JitGrains.IdentityTests.Tables;
using JitGrains.Silo.Identity;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Bench;

/// <summary>
/// What a token costs: verified, found among those that were verified before, and refused, for each row of the hostile table that one
/// process can judge by itself (connections with certificates, API keys and exchanged tokens are left out).
/// </summary>
internal static class TokensBench
{
    private const int Rounds = 7;
    private const int Checks = 100;
    private const string Address = "https://api.example.com/orders/42";

    public static async Task<int> RunAsync()
    {
        await using var corp = await HostileIssuer.Start();
        await using var partner = await HostileIssuer.Start();
        using var proofs = new HostileProof();
        using var validator = new TokenValidator(
            [
                new IssuerOptions { Realm = "corp", Issuer = corp.Issuer, Audiences = ["jitgrains"] },
                new IssuerOptions { Realm = "partner", Issuer = partner.Issuer, Audiences = ["jitgrains"], Algorithms = ["ES256"] },
            ],
            TimeProvider.System, NullLogger<TokenValidator>.Instance);
        var tokens = new HostileToken(corp, partner, "https://attacker.example.com", proofs.Thumbprint, proofs.Thumbprint, new Dictionary<string, string>(StringComparer.Ordinal));

        var hit = Bearer(tokens.Of([]));
        var rows = new List<Row>
        {
            // Every one another, or all but the first would be known.
            new("verified", i => Check(validator, Bearer(tokens.Of(new JsonObject { ["claims"] = new JsonObject { ["jti"] = $"{i}" } })), accepted: true)),
            new("found", _ => Check(validator, hit, accepted: true)),
        };
        foreach (var row in YamlTable.Read("hostile-tokens.yaml").Where(IsAlone))
        {
            var presented = Presented(row, tokens, proofs);
            if (row["replay"] is not null)
                await Check(validator, presented, accepted: true)();
            rows.Add(new Row(YamlTable.Name(row), _ => Check(validator, presented, accepted: false)));
        }

        // Keys are fetched, and all of it compiled, while the first rounds run, which do not count.
        for (var round = -2; round < Rounds; round++)
        {
            foreach (var row in rows)
                await row.Measure(counts: round >= 0);
        }

        Print(rows);
        return 0;
    }

    private static void Print(List<Row> rows)
    {
        var (verified, found) = (rows[0].Microseconds, rows[1].Microseconds);
        Console.WriteLine($"{rows.Count - 2} hostile rows, {Checks} checks a round, {Rounds} interleaved rounds, medians; one thread.");
        Console.WriteLine();
        Console.WriteLine("| token | us |");
        Console.WriteLine("|---|---:|");
        var slowest = rows.Skip(2).OrderByDescending(r => r.Microseconds).Take(5).ToList();
        foreach (var row in rows.Take(2).Concat(slowest))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Microseconds:0.0} |"));
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio found/verified {found / verified:0.000}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio slowest hostile row/verified {slowest[0].Microseconds / verified:0.00} ({slowest[0].Name})"));
    }

    /// <summary>Whether the row is refused by nothing but the validator.</summary>
    private static bool IsAlone(JsonObject row) =>
        row["refused"] is not null && row["certificate"] is null && row["at"] is null && !row.ToJsonString().Contains("$key", StringComparison.Ordinal) && !row.ToJsonString().Contains("$exchanged", StringComparison.Ordinal)
        && row["token"]?.GetValue<string>().StartsWith("jitk_", StringComparison.Ordinal) != true;

    private static Credentials Bearer(string token) => new($"Bearer {token}");

    private static Credentials Presented(JsonObject row, HostileToken tokens, HostileProof proofs)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var token = tokens.Of(row);
        var proof = row["proof"] is JsonObject described ? proofs.Of(described, token, "GET", new Uri(Address)) : "";
        var lines = row["headers"]?.AsArray().Select(h => h!.GetValue<string>()) ?? (proof.Length > 0 ? ["Authorization: DPoP $token", "DPoP: $proof"] : ["Authorization: Bearer $token"]);
        var filled = lines.Select(l => tokens.FillText(l, now).Replace("$token", token, StringComparison.Ordinal).Replace("$proof", proof, StringComparison.Ordinal).Split(':', 2)).ToLookup(p => p[0], p => p[1].Trim(), StringComparer.OrdinalIgnoreCase);
        return new Credentials(new StringValues([.. filled["Authorization"]]), new StringValues([.. filled["DPoP"]]), null, "GET", Address);
    }

    private static Func<Task> Check(TokenValidator validator, Credentials presented, bool accepted) => async () =>
    {
        if (await validator.ValidateAsync(presented, TimeProvider.System.GetUtcNow(), CancellationToken.None) is TokenResult.Valid != accepted)
            throw new InvalidOperationException("a token was not judged as the table says");
    };

    /// <param name="name">What it is.</param>
    /// <param name="prepare">The check with this number, with all that is no part of it done.</param>
    private sealed class Row(string name, Func<int, Func<Task>> prepare)
    {
        private readonly List<double> times = [];
        private int number;

        public string Name => name;

        public double Microseconds => times.Order().ElementAt(times.Count / 2);

        public async Task Measure(bool counts)
        {
            var checks = Enumerable.Range(number, Checks).Select(prepare).ToArray();
            number += Checks;
            var began = Stopwatch.GetTimestamp();
            foreach (var check in checks)
                await check();
            if (counts)
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds / Checks);
        }
    }
}
