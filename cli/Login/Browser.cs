using System.Diagnostics;

namespace JitGrains.Cli.Login;

/// <summary>The system's browser.</summary>
internal static class Browser
{
    /// <summary>Opens an address. Where that does not work nothing is lost: the address is on the terminal too.</summary>
    public static void Open(string address)
    {
        try
        {
            var start = OperatingSystem.IsWindows() ? new ProcessStartInfo(address) { UseShellExecute = true }
                : new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [address]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
            using var browser = Process.Start(start);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or PlatformNotSupportedException)
        {
            // There is none here.
        }
    }
}
