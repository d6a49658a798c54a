using JitGrains.Silo.Secrets;
using JitGrains.UnitTests.Silo;

namespace JitGrains.UnitTests.Deploy;

/// <summary><c>deploy secrets</c> and <c>deploy rotate</c>, with folders for vaults.</summary>
public sealed class SecretsTests
{
    /// <summary>As much of Azure's command as the script uses.</summary>
    private const string Az =
        """
        #!/usr/bin/env bash
        set -eu
        case "$1 $2 $3" in
          "keyvault secret list") mkdir -p "$VAULTS/$5"; ls "$VAULTS/$5" ;;
          "keyvault secret show") cat "$VAULTS/$5/$7"; echo ;;
          "keyvault secret set") cat "$9" >"$VAULTS/$5/$7" ;;
          *) exit 9 ;;
        esac
        """;

    [Fact]
    public async Task It_makes_what_is_missing_once_and_says_what_only_its_operator_has()
    {
        using var folder = new TempFolder();
        var first = await RunAsync(folder, "secrets");
        Assert.Equal(1, first.Code);
        Assert.Equal(3, first.Errors.Split('\n').Concat(first.Output.Split('\n')).Count(l => l.StartsWith("Yours to put there: ", StringComparison.Ordinal)));
        var made = All(folder);
        Assert.Equal(
            ["gateway-example/database", "schema-example/gateway", "schema-example/owner", "schema-example/silo", "silo-example/database", "silo-example/grant-signing", "silo-example/master"],
            made.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(made["schema-example/silo"], made["silo-example/database"]);
        Assert.Equal(made["schema-example/gateway"], made["gateway-example/database"]);
        Assert.Matches(@"^\*:\*:\*:\*:[0-9a-f]{48}\n$", made["schema-example/owner"]);

        // As the driver mounts them.
        File.Move(Path.Combine(folder.Root, "vaults", "silo-example", "grant-signing"), Path.Combine(folder.Root, "vaults", "silo-example", "grant-signing.pem"));
        using (KeyRing.OpenMounted(Path.Combine(folder.Root, "vaults", "silo-example")))
            File.Move(Path.Combine(folder.Root, "vaults", "silo-example", "grant-signing.pem"), Path.Combine(folder.Root, "vaults", "silo-example", "grant-signing"));

        foreach (var (vault, name) in new[] { ("silo-example", "tls"), ("gateway-example", "tls"), ("silo-example", "sign-in") })
            await File.WriteAllTextAsync(Path.Combine(folder.Root, "vaults", vault, name), "there");
        Assert.Equal(0, (await RunAsync(folder, "secrets")).Code);
        Assert.All(made, m => Assert.Equal(m.Value, All(folder)[m.Key]));
    }

    [Fact]
    public async Task A_vault_that_does_not_answer_is_not_an_empty_one()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "vaults"), "no folder");
        var (code, _, errors) = await RunAsync(folder, "secrets");
        Assert.Equal(1, code);
        Assert.Contains("The vault silo-example cannot be read.", errors, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> All(TempFolder folder) => Directory.GetFiles(Path.Combine(folder.Root, "vaults"), "*", SearchOption.AllDirectories)
        .ToDictionary(f => Path.GetRelativePath(Path.Combine(folder.Root, "vaults"), f), File.ReadAllText, StringComparer.Ordinal);

    private static async Task<(int Code, string Output, string Errors)> RunAsync(TempFolder folder, params string[] arguments)
    {
        var program = Path.Combine(folder.Root, "az");
        await File.WriteAllTextAsync(program, Az);
        await Site.RunAsync("chmod", ["u+x", program]);
        Site.WriteTo(folder.Root);
        return await Site.RunAsync("bash", [Path.Combine(Site.Folder, "deploy"), .. arguments], new Dictionary<string, string>
        {
            ["SITE"] = folder.Root, ["VAULTS"] = Path.Combine(folder.Root, "vaults"), ["PATH"] = $"{folder.Root}:{Environment.GetEnvironmentVariable("PATH")}",
        });
    }
}
