namespace JitGrains.Cli;

/// <summary>A server's base address.</summary>
internal static class ServerAddress
{
    public static bool TryParse(string text, out Uri address, out string problem)
    {
        problem = "a server's address is http:// or https://, a host and maybe a port and a path: no user, query or fragment";
        if (!Uri.TryCreate(text, UriKind.Absolute, out address!))
            return false;
        return address.Scheme is "http" or "https" && address.UserInfo.Length == 0 && address.Query.Length == 0 && address.Fragment.Length == 0;
    }
}
