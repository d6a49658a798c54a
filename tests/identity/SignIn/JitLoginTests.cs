using System.Diagnostics;
using System.Net;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Provider;

namespace JitGrains.IdentityTests.SignIn;

/// <summary>The <c>jit</c> program as a process: logs in at a real provider, and calls in that person's name.</summary>
public sealed class JitLoginTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-login-").FullName;
    private Console console = null!;

    public async Task InitializeAsync() => console = await Console.Start();

    public async Task DisposeAsync()
    {
        await console.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_person_logs_in_approves_and_logs_out()
    {
        var alice = (await console.Provider.SignIn("alice")).Access;
        var held = await console.Process.Send("DELETE", "/orders/7", alice, null, ("Prefer", "wait=0"));
        var request = held.Json["task"]!["id"]!.GetValue<string>();

        Assert.Equal((0, "Signed in as corp:user:bob.\n"), await LogIn("bob", "login", "--no-browser"));
        Assert.Contains("corp:user:bob", (await Jit("whoami")).Output, StringComparison.Ordinal);
        await Eventually.Get(async () => (await Jit("show", request)).ExitCode == 0 ? "shown" : null);

        // The stage wants a second factor: jit says how, and the vote counts after that.
        var weak = await Jit("approve", request);
        Assert.True(weak.ExitCode == 1 && weak.Error.Contains("sign in again: jit login --again --acr 'mfa'", StringComparison.Ordinal), weak.Error);
        Assert.Equal(0, (await LogIn("bob", "login", "--no-browser", "--again", "--acr", "mfa")).ExitCode);
        var strong = await Jit("approve", request);
        Assert.True(strong.ExitCode == 0, strong.Error);
        await Eventually.Get(async () => (await console.Process.Send("DELETE", "/orders/7", alice, null, ("Jit-Request", request))).Status == HttpStatusCode.OK ? "run" : null);

        Assert.Equal(0, (await Jit("logout")).ExitCode);
        Assert.Equal(2, (await Jit("whoami")).ExitCode);
    }

    private async Task<(int ExitCode, string Output)> LogIn(string who, params string[] args)
    {
        using var process = Start(args);
        string? line;
        while ((line = await process.StandardError.ReadLineAsync()) is not null && !line.StartsWith(console.Provider.Issuer, StringComparison.Ordinal))
        {
        }

        using var person = new Console.Person(console, who);
        var rest = process.StandardError.ReadToEndAsync();
        Assert.Contains("You are signed in.", (await person.Visit(line!)).Body, StringComparison.Ordinal);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await rest);
        return (process.ExitCode, output);
    }

    private async Task<(int ExitCode, string Output, string Error)> Jit(params string[] args)
    {
        using var process = Start(args);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    private Process Start(string[] args)
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "JitGrains.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests run outside the repository.");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(root, "cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "jit.dll"), .. args])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        start.Environment["XDG_CONFIG_HOME"] = folder;
        start.Environment["JIT_CONTROL"] = console.Process.Control.GetLeftPart(UriPartial.Authority);
        start.Environment["JIT_GATEWAY"] = console.Process.Gateway.GetLeftPart(UriPartial.Authority);
        return Process.Start(start)!;
    }
}
