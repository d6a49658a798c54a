using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.UnitTests.Silo;
using Npgsql;

namespace JitGrains.UnitTests.Deploy;

/// <summary>
/// The example site on this machine: roles.sql by an administrator who is no superuser, then the very processes of the manifests with
/// their arguments, environments and files; other is only where database, issuers and files are.
/// </summary>
public sealed class StartTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Roles_schema_silo_and_gateway_come_up_one_after_the_other()
    {
        await using var server = await PostgresServer.StartAsync(durable: false);
        using var folder = new TempFolder();
        // As Azure has it: may make roles and databases, and is no superuser.
        await server.ExecuteAsync("CREATE ROLE pgadmin LOGIN CREATEROLE CREATEDB PASSWORD 'administrator'");
        // A second time it changes nothing but passwords.
        for (var round = 1; round <= 2; round++)
            await RolesAsync(server.Port, $"{round}");
        MakeSecrets(folder.Root, password: "2");

        // The job ends by itself, and may be run before each version.
        foreach (var said in (string[])["went from version 0 to ", ", as it was. The roles jitgrains_silo and jitgrains_gateway have its privileges."])
        {
            var job = await StartAsync(server.Port, folder.Root, "schema", "migrate");
            Assert.Contains(said, await job.EndsAsync(), StringComparison.Ordinal);
        }

        await using (var silo = await StartAsync(server.Port, folder.Root, "silo", "silo"))
        await using (var gateway = await StartAsync(server.Port, folder.Root, "gateway", "gateway"))
        {
            await silo.AnswersAsync("/readyz");
            await gateway.AnswersAsync("/.jit/readyz");

            // Other passwords, as `deploy rotate` gives them: whoever connects from now on reads the file anew.
            await RolesAsync(server.Port, "3");
            await File.WriteAllTextAsync(Path.Combine(folder.Root, "secrets", "pgpass"), "*:*:*:*:3\n");
            await server.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('silo', 'gateway')");
            await ConnectAgainAsync(server.Port);
            await silo.AnswersAsync("/readyz");
            await gateway.AnswersAsync("/.jit/readyz");
        }

        // Least privilege: the owner makes no roles, the gateway reads no silo's key, the signing key is not even there.
        await Assert.ThrowsAsync<PostgresException>(() => AsAsync(server.Port, "jitgrains_owner", "CREATE ROLE another"));
        await Assert.ThrowsAsync<PostgresException>(() => AsAsync(server.Port, "silo", "CREATE TABLE mine (n int)"));
        Assert.Equal(0L, await AsAsync(server.Port, "silo", "SELECT count(*) FROM cluster_keys WHERE audience = 'silo'"));
    }

    private static async Task RolesAsync(int port, string password)
    {
        var (code, _, errors) = await Site.RunAsync(
            "psql",
            ["-qX", $"host=127.0.0.1 port={port} dbname=postgres user=pgadmin", "-f", Path.Combine(Site.Folder, "kubernetes", "roles.sql")],
            new Dictionary<string, string> { ["PGPASSWORD"] = "administrator", ["OWNER_PASSWORD"] = password, ["SILO_PASSWORD"] = password, ["GATEWAY_PASSWORD"] = password });
        Assert.True(code == 0, errors);
    }

    private static async Task ConnectAgainAsync(int port)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        using var patience = new CancellationTokenSource(Patience);
        while (await AsAsync(port, "jitgrains_owner", "SELECT count(DISTINCT usename) FROM pg_stat_activity WHERE usename IN ('silo', 'gateway')") is not 2L)
            await pause.WaitForNextTickAsync(patience.Token);
    }

    private static async Task<object?> AsAsync(int port, string login, string sql, string password = "3")
    {
        await using var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={port};Database=jitgrains;Username={login};Password={password};Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // This file's own texts.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    /// <summary>What the vaults' drivers mount, and the policy.</summary>
    private static void MakeSecrets(string folder, string password)
    {
        foreach (var name in new[] { "secrets", "owner-secrets", "policy" })
            Directory.CreateDirectory(Path.Combine(folder, name));
        File.WriteAllText(Path.Combine(folder, "secrets", "pgpass"), $"*:*:*:*:{password}\n");
        File.WriteAllText(Path.Combine(folder, "owner-secrets", "owner"), $"*:*:*:*:{password}\n");
        File.WriteAllText(Path.Combine(folder, "secrets", "sign-in"), "secret");
        File.WriteAllText(Path.Combine(folder, "secrets", "master"), System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Path.Combine(folder, "secrets", "grant-signing.pem"), signing.ExportPkcs8PrivateKeyPem());
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=api.example.com", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        // Key and certificate in one file, the key first: as the driver writes what a vault calls a certificate.
        File.WriteAllText(Path.Combine(folder, "secrets", "tls.pem"), $"{key.ExportPkcs8PrivateKeyPem()}\n{certificate.ExportCertificatePem()}\n");
        File.Copy(Path.Combine(Site.Folder, "policy.example.yaml"), Path.Combine(folder, "policy", "policy.yaml"));
    }

    private static async Task<Running> StartAsync(int port, string folder, string workload, string name)
    {
        var site = await Site.ExampleAsync();
        var container = site.Containers().Single(c => c.Workload == workload && c.Container.Text("name") == name).Container;
        var arguments = ((YamlDotNet.RepresentationModel.YamlSequenceNode)container.Children["args"]).Select(a => $"{a}");
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var own = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var environment = site.EnvironmentOf(container).Where(e => e.Key != "JITGRAINS__OTLPENDPOINT").ToDictionary(
            e => e.Key,
            e => e.Value.Replace("Host=jitgrains-example.postgres.database.azure.com;", $"Host=127.0.0.1;Port={port};", StringComparison.Ordinal)
                .Replace("SSL Mode=VerifyFull", "SSL Mode=Disable", StringComparison.Ordinal)
                .Replace("https://login.microsoftonline.com", "https://127.0.0.1:1", StringComparison.Ordinal)
                .Replace("https://westeurope.oic.prod-aks.azure.com", "https://127.0.0.1:1", StringComparison.Ordinal)
                .Replace("=/secrets", $"={folder}/secrets", StringComparison.Ordinal).Replace("=/owner-secrets", $"={folder}/owner-secrets", StringComparison.Ordinal),
            StringComparer.Ordinal);
        foreach (var (variable, value) in environment.ToList())
        {
            if (value.StartsWith("/secrets", StringComparison.Ordinal) || value.StartsWith("/policy", StringComparison.Ordinal))
                environment[variable] = folder + value;
            else if (value is "8443")
                environment[variable] = $"{own}";
            else if (value is "0.0.0.0")
                environment[variable] = "127.0.0.1";
        }

        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "JitGrains.Gateway.dll"), .. arguments])
        {
            UseShellExecute = false, WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var variable in start.Environment.Keys.Where(k => k.StartsWith("JITGRAINS", StringComparison.OrdinalIgnoreCase) || k.StartsWith("DOTNET_ENV", StringComparison.Ordinal) || k.StartsWith("ASPNETCORE", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(variable);
        foreach (var (variable, value) in environment)
            start.Environment[variable] = value;
        return new Running(Process.Start(start)!, own);
    }

    /// <summary>A process, stopped as Kubernetes stops it when it is disposed of.</summary>
    private sealed class Running : IAsyncDisposable
    {
        private readonly Process process;
        private readonly Task<string> output;
        private readonly Task<string> errors;
        private readonly HttpClient client;

        public Running(Process process, int port)
        {
            this.process = process;
            output = process.StandardOutput.ReadToEndAsync();
            errors = process.StandardError.ReadToEndAsync();
            client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = static (_, shown, _, _) => shown?.Subject == "CN=api.example.com" }, UseProxy = false })
            {
                BaseAddress = new Uri($"https://127.0.0.1:{port}"),
            };
        }

        public async Task AnswersAsync(string path)
        {
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            using var patience = new CancellationTokenSource(Patience);
            while (true)
            {
                Assert.False(process.HasExited, process.HasExited ? await errors + await output : "");
                try
                {
                    using var answer = await client.GetAsync(path, patience.Token);
                    if (answer.StatusCode == HttpStatusCode.OK)
                        return;
                }
                catch (HttpRequestException)
                {
                    // It does not listen yet.
                }

                await pause.WaitForNextTickAsync(patience.Token);
            }
        }

        /// <summary>Waits for its end, which must be a good one; what it said.</summary>
        public async Task<string> EndsAsync()
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
            Assert.True(process.ExitCode == 0, await errors + await output);
            client.Dispose();
            process.Dispose();
            return await output;
        }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            using var kill = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"kill -TERM {process.Id}"]))!;
            await process.WaitForExitAsync().WaitAsync(Patience);
            Assert.True(process.ExitCode == 0, await errors + await output);
            process.Dispose();
        }
    }
}
